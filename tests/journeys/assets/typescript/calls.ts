// OpenAI's own SDK from npm, unchanged, against a running gateway. Says on standard output, as one
// JSON document, what came of each call; the test that runs it knows what should have come.
//
//     node calls.ts <gateway url> <key> <vendor> ...

import { writeFileSync } from "node:fs";
import OpenAI, { toFile } from "openai";

const [url, key, ...vendors] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 60_000 });
const messages = [{ role: "user" as const, content: "Hello" }];
const tools = [
  {
    type: "function" as const,
    function: {
      name: "lookup",
      parameters: { type: "object", properties: { city: { type: "string" } } },
    },
  },
];

async function chat(model: string) {
  const answer = await client.chat.completions.create({ model, messages, max_tokens: 50 });
  return { text: answer.choices[0].message.content, tokens: answer.usage?.total_tokens };
}

async function streamed(model: string) {
  const stream = await client.chat.completions.create({
    model,
    messages,
    max_tokens: 50,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let tokens: number | undefined;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    tokens = chunk.usage?.total_tokens ?? tokens;
  }
  return { text, tokens };
}

async function called(model: string) {
  const answer = await client.chat.completions.create({ model, messages, tools, max_tokens: 50 });
  const call = answer.choices[0].message.tool_calls?.[0];
  return call?.type === "function"
    ? { name: call.function.name, arguments: JSON.parse(call.function.arguments) }
    : null;
}

async function calledStreamed(model: string) {
  const stream = client.chat.completions.stream({ model, messages, tools, max_tokens: 50 });
  const answer = await stream.finalChatCompletion();
  const call = answer.choices[0].message.tool_calls?.[0];
  return call ? { name: call.function.name, arguments: JSON.parse(call.function.arguments) } : null;
}

async function responded(model: string) {
  const whole = await client.responses.create({ model, input: "Hello", max_output_tokens: 50 });
  let text = "";
  const stream = await client.responses.create({
    model,
    input: "Hello",
    max_output_tokens: 50,
    stream: true,
  });
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  return { whole: whole.output_text, streamed: text };
}

async function failure(model: string) {
  try {
    await client.chat.completions.create({ model, messages, max_tokens: 50 });
  } catch (error) {
    if (error instanceof OpenAI.APIError) {
      return { kind: error.constructor.name, status: error.status, code: error.code };
    }
    throw error;
  }
  return null;
}

async function brokenStream(model: string) {
  const stream = await client.chat.completions.create({
    model,
    messages,
    max_tokens: 50,
    stream: true,
  });
  try {
    for await (const _ of stream);
  } catch (error) {
    return error instanceof OpenAI.APIError;
  }
  return false;
}

const each: Record<string, unknown> = {};
for (const vendor of vendors) {
  each[vendor] = {
    chat: await chat(vendor),
    streamed: await streamed(vendor),
    called: await called(`${vendor}-tools`),
    calledStreamed: await calledStreamed(`${vendor}-tools`),
    responded: await responded(vendor),
  };
}

const compatible = "openai_compatible";
const vectors = await client.embeddings.create({ model: `${compatible}-embedding`, input: ["a"] });
const images = await client.images.generate({ model: `${compatible}-image`, prompt: "A cat" });
const speech = await client.audio.speech.create({
  model: `${compatible}-speech`,
  voice: "alloy",
  input: "Hello",
});
const heard = await client.audio.transcriptions.create({
  model: `${compatible}-transcription`,
  file: await toFile(Buffer.alloc(4000, 128), "words.wav", { type: "audio/wav" }),
});
const verdict = await client.moderations.create({
  model: `${compatible}-moderation`,
  input: "Hello",
});
const models: string[] = [];
for await (const model of client.models.list()) models.push(model.id);

const said = {
  each,
  vector: vectors.data[0].embedding,
  image: images.data?.[0].b64_json,
  speech: Buffer.from(await speech.arrayBuffer()).toString(),
  heard: heard.text,
  isFlagged: verdict.results[0].flagged,
  models,
  failures: {
    unknown: await failure("no-such-llm"),
    limited: await failure("error-429"),
    failed: await failure("error-500"),
  },
  isBrokenStreamAnError: await brokenStream("reset-middle"),
};
writeFileSync(1, JSON.stringify(said));
