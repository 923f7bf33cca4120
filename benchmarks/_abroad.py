"""Customer lists of two more countries, which no setting or default was tuned on.

People live in households, share phones and mailboxes, marry, move, and are written down by
three systems: with nicknames, initials, slips, old addresses and empty fields. English lists
have single family names; Spanish ones have two, the second often left out, and accents that
come and go. Twins and sons of their father's name occur. All names and frequencies are written
down here by hand; the values are made up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from unicodedata import normalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["COUNTRIES", "lists"]

_MALE_UK = """
William:Will:Bill John:Jack:Johnny James:Jim:Jamie Robert:Rob:Bob David:Dave Thomas:Tom
Michael:Mike:Mick Andrew:Andy Stephen:Steve:Steven Christopher:Chris Daniel:Dan:Danny
Richard:Rick:Dick Matthew:Matt Anthony:Tony Joseph:Joe Edward:Ed:Ted Peter:Pete Paul Mark Simon
Ian George Harry Oliver:Ollie Samuel:Sam Benjamin:Ben Alexander:Alex Nicholas:Nick Philip:Phil
Kevin Gary Alan Graham Neil Mohammed:Mo Adam Luke Jonathan:Jon Timothy:Tim Patrick:Pat Martin
Stuart Craig Ryan Liam Callum Lewis Nathan Raj Imran
"""
_FEMALE_UK = """
Elizabeth:Liz:Beth Margaret:Maggie:Peggy Susan:Sue Catherine:Cathy:Katherine Mary
Patricia:Pat:Trish Jennifer:Jenny Sarah:Sara Victoria:Vicky Rebecca:Becky Jessica:Jess
Charlotte:Lottie Samantha:Sam Deborah:Debbie Christine:Chris Jacqueline:Jackie Barbara:Barb Emma
Laura Rachel Claire:Clare Helen Karen Julie Nicola:Nicky Alison:Ali Amanda:Mandy Lisa Michelle
Angela:Angie Louise Hannah Amy Lucy Sophie:Sophia Emily:Em Olivia:Liv Grace Alice Ruth Joan Jean
Dorothy:Dot Eleanor:Ellie Abigail:Abi Kimberley:Kim Fatima Aisha Priya Megan:Meg Chloe
"""
_FAMILY_UK = """
Smith:110 Jones:85 Taylor:65 Brown:61 Williams:60 Wilson:50 Johnson:48 Davies:46 Patel:44
Robinson:42 Wright:40 Thompson:39 Evans:38 Walker:37 White:36 Roberts:36 Green:35 Hall:34
Thomas:34 Clarke:33 Jackson:33 Wood:33 Harris:31 Edwards:31 Turner:30 Martin:30 Cooper:29
Hill:29 Ward:28 Hughes:27 Moore:27 Clark:26 King:26 Harrison:26 Lewis:26 Baker:25 Lee:25
Allen:25 Morris:24 Khan:24 Scott:24 Watson:23 Davis:23 Parker:23 James:23 Bennett:22 Young:22
Phillips:22 Richardson:21 Mitchell:21 Bailey:21 Carter:20 Cook:20 Singh:20 Shaw:19 Bell:19
Collins:19 Morgan:18 Kelly:18 Begum:18 Miller:18 Cox:17 Hussain:17 Marshall:17 Simpson:16
Price:16 Anderson:16 Adams:15 Wilkinson:15 Foster:15 Ali:15 Ahmed:15 Murphy:14 Ellis:14
Chapman:14 Mason:14 Gray:13 Richards:13 Webb:13 Rogers:13 Hunt:12 Mills:12 Lloyd:12 Palmer:12
Holmes:12 Barnes:11 Knight:11 O'Connor:11 O'Brien:10 McDonald:10
"""
_FAMILY_UK_STEMS = (
    "Ash Brad Cran Hart Lang Mor Nor Pen Rad Stan Thorn Whit Hol Black Wal Bur Sher Kings East Lin"
)
_FAMILY_UK_ENDS = "ley ford ton well worth wood bury field man by ham croft den more"
_STREETS_UK = """
High Station Church Park Victoria Green Mill Queen's King's School North South London York
Albert Grange Manor Chapel Windsor Alexandra New Springfield Highfield St~Mary's Broad Richmond
West Main Orchard Meadow
"""
_TOWNS_UK = """
Leeds:LS Bristol:BS Sheffield:S Norwich:NR Exeter:EX Cardiff:CF Oxford:OX Reading:RG Derby:DE
York:YO Leicester:LE Bath:BA Preston:PR Swindon:SN Ipswich:IP London:SW London:NW London:SE
Manchester:M Birmingham:B
"""
_MALE_ES = """
Antonio:Toni José:Pepe Manuel:Manolo Francisco:Paco David Juan Javier:Javi Daniel:Dani
José~Antonio:José Francisco~Javier:Javier José~Luis:José Carlos Jesús Alejandro:Álex Miguel
Rafael:Rafa José~Manuel:José Pedro Ángel Miguel~Ángel:Miguel Pablo Sergio Fernando Jorge Luis
Alberto Juan~Carlos:Juan Álvaro Diego Adrián Raúl Iván Rubén Enrique:Quique Óscar Ramón Vicente
Andrés Joaquín Santiago:Santi Eduardo:Edu Víctor Mario Roberto Jaime Ignacio:Nacho
"""
_FEMALE_ES = """
María~Carmen:Carmen María Carmen Ana~María:Ana Laura Josefa:Pepa Isabel María~Pilar:Pilar
María~Dolores:Lola Ana Cristina:Cris Marta María~Teresa:Teresa Lucía Francisca:Paqui
Antonia:Toñi Dolores:Lola Sara Paula Elena María~José:Mª~José María~Ángeles:Ángeles Raquel Pilar
Rosa~María:Rosa Concepción:Concha Manuela Mercedes:Merche María~Isabel:Maribel Julia Beatriz:Bea
Nuria Silvia Rosario:Charo Juana Teresa Irene Encarnación:Encarna Patricia Montserrat:Montse
Andrea Rocío Mónica Alba Sonia Sandra Susana Inés Yolanda Margarita Natalia Verónica
"""
_FAMILY_ES = """
García:147 Rodríguez:93 González:93 Fernández:92 López:87 Martínez:84 Sánchez:82 Pérez:78
Gómez:49 Martín:48 Jiménez:39 Hernández:36 Ruiz:37 Díaz:34 Moreno:32 Muñoz:28 Álvarez:28
Romero:22 Gutiérrez:21 Alonso:20 Navarro:19 Torres:19 Domínguez:18 Ramos:18 Vázquez:18
Ramírez:17 Gil:17 Serrano:17 Molina:16 Morales:16 Blanco:15 Suárez:15 Castro:14 Ortega:14
Delgado:14 Ortiz:13 Marín:13 Rubio:13 Núñez:12 Medina:12 Sanz:12 Castillo:12 Iglesias:12
Cortés:11 Garrido:11 Santos:11 Guerrero:11 Lozano:11 Cano:10 Cruz:10 Méndez:10 Flores:10
Prieto:10 Herrera:10 Peña:10 León:10 Márquez:9 Cabrera:9 Gallego:9 Calvo:9 Vidal:9 Campos:8
Reyes:8 Vega:8 Fuentes:8 Carrasco:8 Diez:8 Aguilar:7 Caballero:7 Nieto:7 Santana:7 Pascual:7
Herrero:7 Montero:7 Hidalgo:7 Giménez:7 Ibáñez:7 Ferrer:6 Durán:6 Vicente:6 Benítez:6 Mora:6
Santiago:6 Arias:6 Vargas:6 Carmona:6 Crespo:6 Román:6 Pastor:6 Soto:6 Sáez:5 Velasco:5
"""
_STREETS_ES = """
Mayor Real Nueva Sol Iglesia San~José San~Juan Constitución Goya Cervantes Colón Velázquez
Alcalá Serrano Toledo Granada Sevilla Valencia Zaragoza Santa~María Libertad Paz Olivo Fuente
Molino Príncipe Princesa Delicias
"""
_TOWNS_ES = """
Madrid:280 Barcelona:080 Valencia:460 Sevilla:410 Zaragoza:500 Málaga:290 Murcia:300 Bilbao:480
Alicante:030 Córdoba:140 Valladolid:470 Vigo:362 Gijón:332 Granada:180 Oviedo:330 Elche:032
Badalona:089 Cartagena:302
"""

# What a list has, and how often a field of it is filled in.
_FILLED: Mapping[str, Mapping[str, float]] = {
    "crm": {"email": 0.9, "phone": 0.75, "postcode": 0.9, "address": 0.85, "birth_date": 0.45},
    "till": {"email": 0.4, "phone": 0.6, "postcode": 0.8, "address": 0.3, "birth_date": 0.35},
    "web": {"email": 1.0, "phone": 0.5, "postcode": 0.95, "address": 0.95, "birth_date": 0.25},
}
_IN_LIST = {"crm": 0.55, "till": 0.6, "web": 0.35}
_TWICE = 0.05
_SIZES, _SIZE_SHARES = (1, 2, 3, 4, 5), (0.32, 0.34, 0.15, 0.14, 0.05)
_HOSTS = ("gmail.com", "hotmail.com", "outlook.com", "icloud.com", "yahoo.com")
_MARRIED, _MOVED, _NEW_NUMBER, _JUNIOR, _TWIN = 0.12, 0.15, 0.1, 0.03, 0.04
_SHARED_MAILBOX, _LANDLINE = 0.1, 0.4
_RARE = 2.5  # count of a rare name
_YOUNGEST = np.datetime64("2010-01-01")


@dataclass(frozen=True, slots=True)
class Country:
    """Names and places of a country; frequencies are relative.

    Attributes:
        given: Male and female given names with their short forms, most frequent first.
        family: Family names and how many have each.
        streets: Street names.
        towns: Towns with the beginning of their postcodes.
        two_names: Whether people have a family name of each parent.
    """

    given: tuple[Sequence[Sequence[str]], Sequence[Sequence[str]]]
    family: "Stock"
    streets: Sequence[str]
    towns: Sequence[tuple[str, str]]
    two_names: bool


@dataclass(frozen=True, slots=True)
class Stock:
    """Names and the share of people who have one of the first k of them."""

    names: Sequence[str]
    up_to: NDArray[np.float64]

    def draw(self, rng: np.random.Generator) -> str:
        """Return a name, by frequency."""
        return self.names[int(np.searchsorted(self.up_to, rng.random(), side="right"))]


@dataclass(frozen=True, slots=True)
class Home:
    """An address with its postcode."""

    street: str
    number: int
    flat: int
    town: str
    postcode: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person, and what lists may know of an earlier time."""

    person_id: str
    household_id: str
    family: str
    before: str
    given: Sequence[str]
    birth: np.datetime64
    home: Home
    old_home: Home
    phones: Sequence[str]
    email: str


def lists(country: str, people: int, seed: int) -> pd.DataFrame:
    """Return customer lists of a country with the true person and household.

    Args:
        country: ``"GB"`` or ``"ES"``.
        people: Number of people.
        seed: The same seed gives the same lists.
    """
    rng, land = np.random.default_rng(seed), COUNTRIES[country]
    persons: list[Person] = []
    while len(persons) < people:
        persons += _household(len(persons), land, rng)
    rows = [
        _record(person, source, land, rng)
        for person in persons[:people]
        for source, share in _IN_LIST.items()
        for _ in range(int(rng.random() < share) * (1 + int(rng.random() < _TWICE)))
    ]
    table = pd.DataFrame(rows).sample(frac=1, random_state=seed).reset_index(drop=True)
    table.insert(1, "record_id", [f"R{row:06d}" for row in range(len(table))])
    return table


def _household(first: int, land: Country, rng: np.random.Generator) -> list[Person]:
    """Return the members of a household: head, partner, children."""
    size = int(rng.choice(_SIZES, p=_SIZE_SHARES))
    home, old = _home(land, rng), _home(land, rng)
    old = old if rng.random() < _MOVED else home
    landline = _digits(rng, 9) if rng.random() < _LANDLINE else ""
    mailbox = rng.random() < _SHARED_MAILBOX
    members: list[Person] = []
    for role in range(size):
        made = _person(f"{first + role:06d}", role, members, land, rng)
        own = replace(made, household_id=f"{first:06d}", home=home, old_home=old)
        phones = [*own.phones, landline] if landline else own.phones
        email = members[0].email if mailbox and members else own.email
        members.append(replace(own, phones=phones, email=email))
    return members


def _person(
    name: str, role: int, members: Sequence[Person], land: Country, rng: np.random.Generator
) -> Person:
    gender = int(rng.integers(2)) if role != 1 else 1
    family, before = _family_names(role, gender, members, land, rng)
    given, birth = _given(gender, land, rng), _birth(role, members, rng)
    if role >= 2 and gender == 0 and rng.random() < _JUNIOR:
        given = members[0].given
    if role >= 3 and rng.random() < _TWIN:
        birth = members[-1].birth
    taken = {member.given[0] for member in members[1:]}
    while given[0] in taken:
        given = _given(gender, land, rng)
    phones = [f"7{_digits(rng, 9)}" for _ in range(1 + int(rng.random() < _NEW_NUMBER))]
    nowhere = Home("", 0, 0, "", "")
    email = _mailbox(given[0], family, rng)
    return Person(name, "", family, before, given, birth, nowhere, nowhere, phones, email)


def _family_names(
    role: int, gender: int, members: Sequence[Person], land: Country, rng: np.random.Generator
) -> tuple[str, str]:
    """Return the family name and the earlier one."""
    own = land.family.draw(rng)
    if land.two_names:
        own = f"{own} {land.family.draw(rng)}"
        if role < 2:
            return own, own
        parents = (members[0].family.split()[0], members[1].family.split()[0])
        return " ".join(parents), " ".join(parents)
    if role == 0:
        return own, own if gender == 0 or rng.random() > _MARRIED else land.family.draw(rng)
    if role == 1:
        return (members[0].family, own) if rng.random() < 0.8 else (own, own)
    return members[0].family, members[0].family


def _given(gender: int, land: Country, rng: np.random.Generator) -> Sequence[str]:
    stock = land.given[gender]
    weight = 1 / (np.arange(len(stock)) + 8)
    return stock[int(rng.choice(len(stock), p=weight / weight.sum()))]


def _birth(role: int, members: Sequence[Person], rng: np.random.Generator) -> np.datetime64:
    if role == 0:
        return np.datetime64("1974-01-01") + int(rng.normal(0, 5500))
    near = members[0].birth + (0 if role == 1 else int(30.5 * 365.25))
    return min(near + int(rng.normal(0, 1200)), _YOUNGEST - int(rng.integers(4000)))


def _home(land: Country, rng: np.random.Generator) -> Home:
    town, area = land.towns[int(rng.integers(len(land.towns)))]
    street = land.streets[int(rng.integers(len(land.streets)))]
    if land.two_names:
        code = f"{area}{rng.integers(1, 40):02d}"
    else:
        letters = "".join(rng.choice([*"ABDEFGHJLNPQRSTUWXYZ"], 2))
        code = f"{area}{rng.integers(1, 20)} {rng.integers(1, 10)}{letters}"
    flat = int(rng.integers(1, 20)) if rng.random() < 0.3 else 0
    return Home(street, int(rng.integers(1, 150)), flat, town, code)


def _mailbox(given: str, family: str, rng: np.random.Generator) -> str:
    joint = str(rng.choice(["", ".", "_"]))
    digits = str(rng.integers(1, 9999)) if rng.random() < 0.7 else ""
    parts = (_plain(part).lower().replace(" ", "").replace("'", "") for part in (given, family))
    return f"{joint.join(parts)}{digits}@{rng.choice(_HOSTS)}"


def _record(
    person: Person, source: str, land: Country, rng: np.random.Generator
) -> dict[str, object]:
    """Return a person as a system wrote them down."""
    given, family = _written(person, land, rng)
    home = person.old_home if rng.random() < 0.35 else person.home
    values = {
        "family_name": family,
        "given_name": given,
        "email": _slip(person.email, 0.01, rng),
        "phone": _phone(str(rng.choice([*person.phones])), land, rng),
        "postcode": home.postcode if rng.random() > 0.2 else home.postcode.replace(" ", "").lower(),
        "address": _address(home, land, rng),
        "birth_date": _date(person.birth, rng),
    }
    filled = _FILLED[source]
    kept = {
        name: value if rng.random() < filled.get(name, 0.98) else None
        for name, value in values.items()
    }
    truth = {"person_id": person.person_id, "household_id": person.household_id}
    return {"source": source, **kept, **truth}


def _written(person: Person, land: Country, rng: np.random.Generator) -> tuple[str, str]:
    """Return given and family name with what people and clerks make of them."""
    given, family = person.given[0], person.family
    if len(person.given) > 1 and rng.random() < 0.15:
        given = str(rng.choice([*person.given[1:]]))
    elif rng.random() < 0.04:
        given = f"{given[0]}."
    if rng.random() < 0.3:
        family = person.before
    if land.two_names and rng.random() < 0.25:
        family = family.split()[0]
    if land.two_names and rng.random() < 0.4:
        given, family = _plain(given), _plain(family)
    given, family = _slip(given, 0.03, rng), _slip(family, 0.03, rng)
    if rng.random() < 0.1:
        given, family = given.upper(), family.upper()
    return (family, given) if rng.random() < 0.01 else (given, family)


def _address(home: Home, land: Country, rng: np.random.Generator) -> str:
    short = rng.random() < 0.4
    if land.two_names:
        floor = f" {home.flat % 9 + 1}º {'ABCD'[home.flat % 4]}" if home.flat else ""
        street = f"C/ {home.street}" if short else f"Calle {home.street}"
        text = f"{street}, {home.number}{floor}"
    else:
        kind = ("Road", "Street", "Lane", "Avenue")[home.number % 4]
        kind = {"Road": "Rd", "Street": "St", "Avenue": "Ave"}.get(kind, kind) if short else kind
        text = f"{home.number} {home.street} {kind}"
        text = f"Flat {home.flat}, {text}" if home.flat and rng.random() < 0.8 else text
    return f"{text}, {home.town}" if rng.random() < 0.3 else text


def _phone(number: str, land: Country, rng: np.random.Generator) -> str:
    """Return a number of ten digits (without the zero that the UK puts before) as written."""
    if land.two_names:
        number = f"6{number[-8:]}" if number[0] == "7" and len(number) == 10 else f"9{number[-8:]}"
        style = int(rng.integers(3))
        return (number, f"+34 {number}", f"{number[:3]} {number[3:6]} {number[6:]}")[style]
    number = number if len(number) == 10 else f"1{number}"
    style = int(rng.integers(3))
    return (f"0{number}", f"+44 {number}", f"0{number[:4]} {number[4:]}")[style]


def _date(birth: np.datetime64, rng: np.random.Generator) -> str:
    text = str(birth.astype("datetime64[D]"))
    year, month, day = text.split("-")
    if rng.random() < 0.015 and int(day) <= 12:
        return f"{year}-{day}-{month}"
    if rng.random() < 0.015:
        return f"{int(year) + int(rng.choice([-10, -1, 1, 10]))}-{month}-{min(int(day), 28):02d}"
    return text


def _slip(text: str, share: float, rng: np.random.Generator) -> str:
    """Return a text, or with this probability one with a letter lost, doubled or swapped."""
    if rng.random() >= share or len(text) < 3:
        return text
    at, kind = int(rng.integers(1, len(text) - 1)), int(rng.integers(3))
    swapped = text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :]
    return (text[:at] + text[at + 1 :], text[:at] + text[at:][0] + text[at:], swapped)[kind]


def _plain(text: str) -> str:
    return normalize("NFKD", text).encode("ascii", "ignore").decode()


def _digits(rng: np.random.Generator, n: int) -> str:
    return "".join(map(str, rng.integers(0, 10, n)))


def _with_short_forms(text: str) -> list[list[str]]:
    return [entry.replace("~", " ").split(":") for entry in text.split()]


def _counted(text: str, rare: Sequence[str] = ()) -> Stock:
    """Return names with their counts, and rare ones with a small one."""
    pairs = [entry.split(":") for entry in text.split()]
    share = np.cumsum([*(float(count) for _, count in pairs), *(_RARE for _ in rare)])
    return Stock([*(name for name, _ in pairs), *rare], share / share[-1])


def _tail(stems: str, ends: str) -> list[str]:
    """Return made-up names that few people have."""
    return [stem + end for stem in stems.split() for end in ends.split()]


def _words(text: str) -> list[str]:
    return [word.replace("~", " ") for word in text.split()]


def _places(text: str) -> list[tuple[str, str]]:
    return [(entry.split(":")[0], entry.split(":")[1]) for entry in text.split()]


COUNTRIES = {
    "GB": Country(
        given=(_with_short_forms(_MALE_UK), _with_short_forms(_FEMALE_UK)),
        family=_counted(_FAMILY_UK, _tail(_FAMILY_UK_STEMS, _FAMILY_UK_ENDS)),
        streets=_words(_STREETS_UK),
        towns=_places(_TOWNS_UK),
        two_names=False,
    ),
    "ES": Country(
        given=(_with_short_forms(_MALE_ES), _with_short_forms(_FEMALE_ES)),
        family=_counted(_FAMILY_ES),
        streets=_words(_STREETS_ES),
        towns=_places(_TOWNS_ES),
        two_names=True,
    ),
}
