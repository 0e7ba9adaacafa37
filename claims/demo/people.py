"""Who traded that day: customers with their accounts, their language and the kind of case they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

GIVEN = """Amelia Andrei Anika Ayodele Beatriz Bogdan Carla Chidi Clara Daniel Dmitri Elena Emeka Farah Felipe Grace Hanna
Hugo Ibrahim Ines Ivan Jakub Jana Joao Julia Kenji Khadija Lars Leila Lucas Maren Mateo Mehmet Minh Nadia Nikhil Noah Olga
Pablo Priya Rafael Rosa Samir Sofia Tariq Thandi Tomas Yuki Yusuf Zara""".split()
FAMILY = """Abara Almeida Anderson Aydin Bakker Banerjee Bauer Bello Castro Dlamini Dubois Eriksen Fischer Garcia Haddad Holm
Horvat Ito Ivanov Jansen Kaya Keller Khan Kowalska Kumar Larsen Lopez Mahmoud Marino Martin Mensah Moreau Nakamura Nguyen
Novak Okafor Oliveira Pereira Petrov Popescu Rossi Santos Schmidt Silva Tanaka Torres Traore Varga Weber Yilmaz""".split()
SURNAMES = (
    ("王", "wang"), ("李", "li"), ("张", "zhang"), ("刘", "liu"), ("陈", "chen"), ("杨", "yang"), ("黄", "huang"), ("赵", "zhao"),
    ("吴", "wu"), ("周", "zhou"), ("徐", "xu"), ("孙", "sun"), ("马", "ma"), ("朱", "zhu"), ("胡", "hu"), ("郭", "guo"),
    ("何", "he"), ("林", "lin"), ("高", "gao"), ("罗", "luo"),
)  # fmt: skip
NAMES = (
    ("伟", "wei"), ("芳", "fang"), ("娜", "na"), ("敏", "min"), ("静", "jing"), ("丽", "li"), ("强", "qiang"), ("磊", "lei"),
    ("洋", "yang"), ("艳", "yan"), ("勇", "yong"), ("军", "jun"), ("杰", "jie"), ("娟", "juan"), ("涛", "tao"), ("明", "ming"),
    ("超", "chao"), ("秀英", "xiuying"), ("桂英", "guiying"), ("建华", "jianhua"), ("志强", "zhiqiang"), ("雨桐", "yutong"),
    ("浩然", "haoran"), ("子涵", "zihan"), ("欣怡", "xinyi"), ("梓轩", "zixuan"),
)  # fmt: skip

# The kind of case, and how many customers have it.
CASES = {
    "edge": 8,  # orders on the very seconds of the notice (claims.demo.orders.EDGES)
    "liquidated": 78,
    "recovered": 66,
    "late": 80,
    "mixed": 28,
    "settled": 38,  # nothing but exclusions
    "by_hand": 12,
    "late_contact": 12,
    "no_orders": 10,
    "doge": 6,
    "sol": 8,  # in touch about the second incident
    "forgotten": 8,  # their contacts come with the help desk's second file
    "silent": 46,  # never in touch: orders and no claim
}
SECOND_ACCOUNTS = 50


@dataclass(frozen=True)
class Customer:
    """A customer of the demo."""

    code: str
    name: str
    email: str
    language: str
    accounts: tuple[str, ...]
    case: str


def customers(rng: Random) -> list[Customer]:
    """Everybody, the cases well mixed but for the edges, which come first."""
    rest = [case for case, many in CASES.items() if case != "edge" for _ in range(many)]
    rng.shuffle(rest)
    cases = ["edge"] * CASES["edge"] + rest
    richer = set(rng.sample(range(len(cases)), SECOND_ACCOUNTS))
    names = _names(rng)
    return [
        Customer(f"C-{10001 + n}", *next(names), accounts=_accounts(10001 + n, n in richer), case=case)
        for n, case in enumerate(cases)
    ]


def _accounts(number: int, second: bool) -> tuple[str, ...]:
    return (f"A-{number}-1", f"A-{number}-2") if second else (f"A-{number}-1",)


def _names(rng: Random) -> Iterator[tuple[str, str, str]]:
    """Name, e-mail and language, no e-mail twice."""
    seen: set[str] = set()
    while True:
        if rng.randint(1, 10) <= 4:
            (surname, first), (given, second), language = rng.choice(SURNAMES), rng.choice(NAMES), "zh"
            name = surname + given
        else:
            second, first, language = rng.choice(GIVEN), rng.choice(FAMILY), "en"
            name = f"{second} {first}"
        email = f"{second}.{first}@example.com".lower()
        if email not in seen:
            seen.add(email)
            yield name, email, language
