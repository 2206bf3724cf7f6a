import core.kit.ids
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Book",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("product", models.CharField(max_length=16, unique=True)),
                ("time_zone", models.CharField(default="UTC", max_length=64)),
                (
                    "spill_team",
                    models.BooleanField(default=False, verbose_name="spill to the team"),
                ),
                (
                    "spill_organization",
                    models.BooleanField(default=False, verbose_name="spill to the organization"),
                ),
                ("spill_pool", models.BooleanField(default=True, verbose_name="spill to the pool")),
                ("overflow_limit", models.BigIntegerField(default=0)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "verbose_name": "book",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("overflow_limit__gte", 0)),
                        name="book_overflow_limit_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Cycle",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cycles",
                        to="credits.book",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "starts_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("ends_at", models.DateTimeField(null=True)),
                ("plan_version", models.PositiveIntegerField(default=1)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("closing", "Closing"), ("closed", "Closed")],
                        default="open",
                        max_length=8,
                    ),
                ),
            ],
            options={
                "verbose_name": "cycle",
                "ordering": ("book", "number"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("book", "number"), name="each_cycle_number_once"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("book",),
                        name="one_open_cycle_for_each_book",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ends_at", None),
                            ("ends_at__gt", models.F("starts_at")),
                            _connector="OR",
                        ),
                        name="cycle_ends_after_it_starts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "closing", "closed"])),
                        name="cycle_state_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Wallet",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wallets",
                        to="credits.book",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("unallocated", "Unallocated"),
                            ("pool", "Pool"),
                            ("overflow", "Overflow"),
                            ("organization", "Organization"),
                            ("team", "Team"),
                            ("membership", "Membership"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="credits.wallet",
                    ),
                ),
                ("depth", models.PositiveSmallIntegerField()),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "verbose_name": "wallet",
                "indexes": [models.Index(fields=["book", "kind"], name="wallets_of_a_book")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("depth", 0)),
                        fields=("book", "kind"),
                        name="each_book_wallet_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("depth", 0),
                                ("kind__in", ("unallocated", "pool", "overflow")),
                                ("parent", None),
                            ),
                            models.Q(("depth", 1), ("kind", "organization"), ("parent", None)),
                            models.Q(("depth", 2), ("kind", "team"), ("parent__isnull", False)),
                            models.Q(("depth", 1), ("kind", "membership"), ("parent", None)),
                            models.Q(
                                ("depth__in", (2, 3)),
                                ("kind", "membership"),
                                ("parent__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="wallet_stands_at_its_depth",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Balance",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "wallet_id",
                        "cycle_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="balances",
                        to="credits.wallet",
                    ),
                ),
                (
                    "cycle",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="balances",
                        to="credits.cycle",
                    ),
                ),
                ("credited", models.BigIntegerField(default=0)),
                ("used", models.BigIntegerField(default=0)),
                ("reserved", models.BigIntegerField(default=0)),
                ("overrun", models.BigIntegerField(default=0)),
                ("limit", models.BigIntegerField(db_column="credit_limit", default=0)),
            ],
            options={
                "verbose_name": "balance",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reserved__gte", 0)),
                        name="balance_reserved_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("limit__gte", 0), ("overrun__gte", 0)),
                        name="balance_lines_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "credited__gte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("used"), "+", models.F("reserved")
                                        ),
                                        "-",
                                        models.F("limit"),
                                    ),
                                    "-",
                                    models.F("overrun"),
                                ),
                            )
                        ),
                        name="balance_not_overspent",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AllocationRule",
            fields=[
                (
                    "wallet",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="rule",
                        serialize=False,
                        to="credits.wallet",
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[("fixed", "Fixed amount"), ("equal_share", "Equal share")],
                        default="fixed",
                        max_length=16,
                    ),
                ),
                ("amount", models.BigIntegerField()),
                ("pinned", models.BooleanField(default=False)),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "allocation rule",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gte", 0)), name="allocation_rule_not_negative"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Act",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="acts",
                        to="credits.book",
                    ),
                ),
                ("verb", models.CharField(max_length=32)),
                ("idempotency_key", models.CharField(max_length=200, unique=True)),
                ("fingerprint", models.CharField(max_length=64)),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_id", models.CharField(blank=True, max_length=64)),
                ("reason", models.CharField(blank=True, max_length=500)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "verbose_name": "act",
            },
        ),
        migrations.CreateModel(
            name="Transfer",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "act",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="credits.act",
                    ),
                ),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="credits.book",
                    ),
                ),
                (
                    "cycle",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="credits.cycle",
                    ),
                ),
                (
                    "from_wallet",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers_out",
                        to="credits.wallet",
                    ),
                ),
                (
                    "to_wallet",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers_in",
                        to="credits.wallet",
                    ),
                ),
                ("amount", models.BigIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("grant", "Grant"),
                            ("top_up", "Top-up"),
                            ("take_back", "Taken back"),
                            ("allocate", "Allocation"),
                            ("reclaim", "Reclaim"),
                            ("rollover", "Rollover"),
                            ("expire", "Expiry"),
                            ("adjust", "Adjustment"),
                            ("refund", "Refund"),
                            ("overflow_settled", "Overflow settled"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "verbose_name": "transfer",
                "ordering": ("id",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="transfer_moves_something"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("from_wallet__isnull", False),
                            ("to_wallet__isnull", False),
                            _connector="OR",
                        ),
                        name="transfer_has_an_end_in_the_book",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("from_wallet", models.F("to_wallet")), _negated=True),
                        name="transfer_between_two_wallets",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("from_wallet", None), ("kind", "grant")),
                            models.Q(("kind__in", ("take_back", "expire")), ("to_wallet", None)),
                            models.Q(
                                ("from_wallet__isnull", False),
                                ("kind__in", ("allocate", "reclaim")),
                                ("to_wallet__isnull", False),
                            ),
                            (
                                "kind__in",
                                ("top_up", "rollover", "adjust", "refund", "overflow_settled"),
                            ),
                            _connector="OR",
                        ),
                        name="transfer_ends_fit_its_kind",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Cap",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="caps",
                        to="credits.book",
                    ),
                ),
                ("subject", models.UUIDField()),
                (
                    "window",
                    models.CharField(
                        choices=[
                            ("day", "Day"),
                            ("week", "Week"),
                            ("month", "Month"),
                            ("cycle", "Cycle"),
                        ],
                        max_length=8,
                    ),
                ),
                ("amount", models.BigIntegerField()),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "cap",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("book", "subject", "window"), name="one_cap_for_each_window"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gte", 0)), name="cap_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("window__in", ["day", "week", "month", "cycle"])),
                        name="cap_window_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CapCounter",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "cap_id",
                        "window_start",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "cap",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="counters",
                        to="credits.cap",
                    ),
                ),
                ("window_start", models.DateTimeField()),
                ("used", models.BigIntegerField(default=0)),
                ("reserved", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "cap counter",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reserved__gte", 0)),
                        name="cap_counter_reserved_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Reservation",
            fields=[
                ("request_id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("cycle_id", models.UUIDField()),
                ("wallet_id", models.UUIDField()),
                ("main_wallet_id", models.UUIDField()),
                (
                    "payers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), size=None
                    ),
                ),
                ("sources", models.JSONField()),
                ("caps", models.JSONField()),
                ("amount", models.BigIntegerField()),
                ("estimate", models.BigIntegerField()),
                ("reported", models.BigIntegerField(default=0)),
                ("factor", models.DecimalField(decimal_places=6, max_digits=18)),
                ("factor_version", models.IntegerField()),
                ("price_version", models.CharField(max_length=64)),
                ("policy_version", models.BigIntegerField(null=True)),
                ("fingerprint", models.CharField(max_length=64)),
                ("context", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("released", "Released")],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("dispatched_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "reservation",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount__gte", 0), ("estimate__gte", 0), ("reported__gte", 0)
                        ),
                        name="reservation_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "released"])),
                        name="reservation_state_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageEvent",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("corrects", models.UUIDField(null=True)),
                ("refund_of", models.UUIDField(null=True)),
                ("book_id", models.UUIDField()),
                ("cycle_id", models.UUIDField()),
                ("wallet_id", models.UUIDField()),
                ("product", models.CharField(max_length=16)),
                ("user_id", models.UUIDField(null=True)),
                ("member_id", models.UUIDField(null=True)),
                ("membership_id", models.UUIDField(null=True)),
                ("team_id", models.UUIDField(null=True)),
                ("organization_id", models.UUIDField(null=True)),
                ("key_id", models.UUIDField(null=True)),
                ("client_id", models.UUIDField(null=True)),
                ("agent_id", models.UUIDField(null=True)),
                ("connection_id", models.UUIDField(null=True)),
                ("tool", models.CharField(blank=True, max_length=200)),
                ("llm", models.CharField(max_length=200)),
                ("kind", models.CharField(max_length=16)),
                ("upstream_model", models.CharField(blank=True, max_length=200)),
                ("deployment", models.CharField(blank=True, max_length=200)),
                ("guardrails", models.JSONField(default=list)),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cached_tokens", models.BigIntegerField(default=0)),
                ("reasoning_tokens", models.BigIntegerField(default=0)),
                ("cost_usd", models.DecimalField(decimal_places=12, max_digits=24)),
                (
                    "reported_cost_usd",
                    models.DecimalField(decimal_places=12, max_digits=24, null=True),
                ),
                ("factor", models.DecimalField(decimal_places=6, max_digits=18)),
                ("factor_version", models.IntegerField()),
                ("price_version", models.CharField(max_length=64)),
                ("reserved", models.BigIntegerField()),
                ("credits", models.BigIntegerField()),
                ("charges", models.JSONField()),
                ("caps", models.JSONField(default=list)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("ok", "OK"),
                            ("error", "Error"),
                            ("client_gone", "Client gone"),
                            ("blocked", "Blocked"),
                            ("timeout", "Timed out"),
                        ],
                        max_length=16,
                    ),
                ),
                ("status_code", models.SmallIntegerField(null=True)),
                ("error_code", models.CharField(blank=True, max_length=64)),
                ("is_estimated", models.BooleanField(default=False)),
                ("is_late", models.BooleanField(default=False)),
                ("is_unsettled", models.BooleanField(default=False)),
                ("latency_ms", models.IntegerField(null=True)),
                ("first_token_ms", models.IntegerField(null=True)),
                ("fingerprint", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "usage event",
                "ordering": ("-created_at",),
                "indexes": [
                    models.Index(fields=["product", "created_at"], name="usage_by_time"),
                    models.Index(
                        condition=models.Q(("is_unsettled", True)),
                        fields=["created_at"],
                        name="usage_unsettled",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("corrects__isnull", False)),
                        fields=("corrects",),
                        name="each_event_corrected_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cost_usd__gte", 0), ("credits__gte", 0)),
                            ("corrects__isnull", False),
                            ("refund_of__isnull", False),
                            _connector="OR",
                        ),
                        name="only_corrections_and_refunds_give_back",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Label",
            fields=[
                ("subject", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("text", models.CharField(blank=True, max_length=254)),
            ],
            options={
                "verbose_name": "label",
            },
        ),
    ]
