"""The people and teams of the two demo companies."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a demo company: the teams they are in, the first one the primary one.

    `administers` are names of organizations and teams, in each product that has them.
    """

    nick: str
    name: str
    copilot: tuple[str, ...] = ()
    console: tuple[str, ...] = ()
    administers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Company:
    """A demo account. Trees map organization to its teams; credits are whole credits."""

    slug: str
    name: str
    domain: str
    time_zone: str
    factor: str
    admin: Person
    copilot: dict[str, tuple[str, ...]]
    console: dict[str, tuple[str, ...]]
    people: tuple[Person, ...]
    grants: dict[str, int]
    overflow: dict[str, int]
    # What was granted at first, where it has been changed for the next cycle.
    first_grants: dict[str, int] = field(default_factory=dict)
    rollover_caps: dict[str, int] = field(default_factory=dict)
    llms: tuple[str, ...] = ()
    credits: dict[str, dict[str, int]] = field(default_factory=dict)


ACME = Company(
    slug="acme",
    name="Acme Robotics",
    domain="acme.example",
    time_zone="Europe/Berlin",
    factor="100",
    admin=Person("ada", "Ada Lindqvist", ("Brand",), ("Platform API",)),
    copilot={
        "Marketing": ("Brand", "Growth"),
        "Engineering": ("Platform", "Mobile"),
        "Customer Care": ("Support EMEA", "Support Americas"),
    },
    console={
        "Engineering": ("Platform API", "Data Science"),
        "Research Lab": ("Prototypes",),
    },
    people=(
        Person("mia", "Mia Torres", ("Brand", "Growth"), ("Platform API",)),
        Person("olga", "Olga Petrenko", ("Growth",), administers=("Marketing",)),
        Person(
            "theo",
            "Theo Marchand",
            ("Platform",),
            ("Platform API", "Data Science"),
            administers=("Platform", "Platform API"),
        ),
        Person("yuki", "Yuki Tanaka", ("Mobile",), ("Data Science",)),
        Person("samir", "Samir Haddad", ("Platform",), ("Prototypes",)),
        Person("lena", "Lena Vogel", ("Support EMEA",)),
        Person("carlos", "Carlos Mendes", ("Support Americas",)),
        Person("ines", "Inês Duarte", ("Growth",)),
        Person("noah", "Noah Williams", ("Mobile",), ("Prototypes",)),
        Person("priya", "Priya Raman", (), ("Data Science",)),
    ),
    grants={"copilot": 6_000, "console": 4_000},
    overflow={"copilot": 600, "console": 300},
    rollover_caps={"copilot": 1_000},
    llms=(
        "gpt-5",
        "gpt-5-mini",
        "claude-sonnet-4-5",
        "claude-haiku-4-5",
        "text-embedding-3-small",
        "gpt-image-1",
    ),
    credits={
        "copilot": {
            "Marketing": 1_800,
            "Brand": 500,
            "Growth": 700,
            "Engineering": 1_500,
            "Platform": 500,
            "Mobile": 400,
            "Customer Care": 900,
            "Support EMEA": 350,
            "Support Americas": 300,
            "pool": 400,
        },
        "console": {
            "Engineering": 2_000,
            "Platform API": 900,
            "Data Science": 600,
            "Research Lab": 700,
            "Prototypes": 400,
            "pool": 200,
        },
    },
)

GLOBEX = Company(
    slug="globex",
    name="Globex Health",
    domain="globex.example",
    time_zone="America/New_York",
    factor="120",
    admin=Person("eve", "Eve Carter", ("Clinical",), ("Integrations",)),
    copilot={"Operations": ("Clinical", "Billing")},
    console={"IT": ("Integrations",)},
    people=(
        Person("ben", "Ben Okafor", ("Clinical",), ("Integrations",)),
        Person("rosa", "Rosa Delgado", ("Billing",)),
        Person("kim", "Kim Nguyen", ("Billing",), ("Integrations",)),
    ),
    grants={"copilot": 2_400, "console": 1_600},
    overflow={"copilot": 100, "console": 0},
    # Used up last month, and most of the overflow with it.
    first_grants={"copilot": 1_500},
    llms=("gpt-5-mini", "claude-haiku-4-5", "text-embedding-3-small"),
    credits={
        "copilot": {"Operations": 1_400, "Clinical": 700, "Billing": 500, "pool": 100},
        "console": {"IT": 1_400, "Integrations": 800},
    },
)

COMPANIES = (ACME, GLOBEX)
