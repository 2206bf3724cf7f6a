-- Takes requests and tokens out of a key's minute: all or nothing.
--
-- KEYS[1] is a hash of what was taken in each second: r<second>, t<second>.
-- ARGV: requests and tokens wanted, the limit of each (-1: none).
-- Returns: taken (1 or 0), requests and tokens in the window, seconds until there is room (-1:
-- never), seconds until the window is empty, the second it was taken in.
local second = tonumber(redis.call('TIME')[1])
local wanted = {r = tonumber(ARGV[1]), t = tonumber(ARGV[2])}
local limits = {r = tonumber(ARGV[3]), t = tonumber(ARGV[4])}
local used = {r = 0, t = 0}
local taken = {}
local newest = 0
local raw = redis.call('HGETALL', KEYS[1])
for place = 1, #raw, 2 do
    local kind, at = string.sub(raw[place], 1, 1), tonumber(string.sub(raw[place], 2))
    -- A second counts until it has passed as a whole.
    if at <= second - 61 then
        redis.call('HDEL', KEYS[1], raw[place])
    else
        local amount = tonumber(raw[place + 1])
        used[kind] = used[kind] + amount
        table.insert(taken, {kind = kind, at = at, amount = amount})
        if amount > 0 and at > newest then newest = at end
    end
end
table.sort(taken, function(one, other) return one.at < other.at end)
local wait = 0
for kind, limit in pairs(limits) do
    if limit >= 0 and used[kind] + wanted[kind] > limit then
        local over = used[kind] + wanted[kind] - limit
        local free_at = -1
        if wanted[kind] <= limit then
            for _, each in ipairs(taken) do
                if each.kind == kind then
                    over = over - each.amount
                    if over <= 0 then free_at = each.at + 61 - second break end
                end
            end
        end
        if free_at < 0 then wait = -1 elseif wait >= 0 and free_at > wait then wait = free_at end
    end
end
local is_taken = 0
if wait == 0 then
    is_taken = 1
    for kind, amount in pairs(wanted) do
        if amount > 0 then redis.call('HINCRBY', KEYS[1], kind .. second, amount) end
        used[kind] = used[kind] + amount
    end
    redis.call('EXPIRE', KEYS[1], 62)
    newest = second
end
local reset = 0
if newest > 0 then reset = newest + 61 - second end
return {is_taken, used.r, used.t, wait, reset, second}
