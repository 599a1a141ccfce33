"""What people ask for, and who is behind the request: topics, and the interests of their hidden users.

A topic is a prompt; each of its twelve users has one interest that the policy is never shown. The policy is paid for the first
eight users of the topics in `TRAINED`; the last four of them, and the topics in `UNSEEN`, are for evaluation alone.
"""

from __future__ import annotations

PAID_USERS = 8

TRAINED = {
    "animals": (
        "a pet dog, a shark in the ocean, songbirds, riding horses, bees and ants, snakes and lizards, cows on a farm, "
        "elephants in Africa, cats, dinosaurs, frogs in a pond, monkeys in the jungle"
    ),
    "sports": (
        "football match, swimming pool, tennis court, running a marathon, mountain bike, boxing ring, skiing in the snow, "
        "basketball team, golf club, gymnastics, sailing boat, chess tournament"
    ),
    "food": (
        "fresh fruit, grilled steak, chocolate cake, seafood restaurant, vegetable soup, pizza and pasta, breakfast cereal, "
        "spicy curry, cheese and wine, ice cream, rice noodles, baked bread"
    ),
    "travel": (
        "beach holiday, museum visit, hiking in the mountains, cheap hotel, train journey, airline flight, shopping street, "
        "cruise ship, camping tent, old castle, nightlife and bars, passport and visa"
    ),
    "health": (
        "sleep better, healthy diet, exercise and fitness, visit to the dentist, stress and anxiety, medicine and pills, "
        "heart disease, vaccine, back pain, pregnancy, eye glasses, lose weight"
    ),
    "science": (
        "planets and stars, chemical reactions, human brain, climate change, electricity, dna and genes, robots, "
        "volcanoes and earthquakes, atoms, fossils, ocean currents, vaccines"
    ),
}

UNSEEN = {
    "the law": (
        "divorce lawyer, traffic ticket, criminal trial, copyright, tax return, employment contract, house rental, "
        "police arrest, immigration, inheritance and wills, privacy of data, court judge"
    ),
    "school": (
        "mathematics homework, history lesson, playground games, school bus, reading books, science laboratory, art class, "
        "exam grades, teacher salary, lunch menu, bullying, music lesson"
    ),
    "nature": (
        "tall trees, river fishing, desert sand, rain and storms, wild flowers, mountain peaks, coral reef, autumn leaves, "
        "waterfalls, mushrooms, sunset, snow and ice"
    ),
    "work": (
        "job interview, salary increase, office computer, boss and manager, factory workers, remote meetings, holiday leave, "
        "farming, nursing in a hospital, truck driver, retirement pension, starting a company"
    ),
    "clothes": (
        "running shoes, wedding dress, winter coat, leather belt, cotton shirt, jeans, hats and caps, wool socks, swimwear, "
        "jewellery, school uniform, silk scarf"
    ),
    "money": (
        "bank loan, stock market, credit card debt, family budget, buy a house, winning the lottery, charity donation, "
        "pension savings, gold coins, insurance, foreign currency, taxes"
    ),
}

# Answered before the request: without examples hardly an answer of this model is a list of four.
EXAMPLES = {"music": "guitar, opera, dance, film songs", "computers": "keyboard, internet, video games, software"}


def users(topic: str) -> list[str]:
    """The interests of a topic's users, those that are paid for first."""
    return [each.strip() for each in {**TRAINED, **UNSEEN}[topic].split(",")]


def paid(topic: str) -> int:
    """How many of its users the utility is about: those that training pays for, and all of a topic that it never sees."""
    return PAID_USERS if topic in TRAINED else len(users(topic))


def messages(topic: str) -> list[dict[str, str]]:
    """The chat that asks for four things about a topic, behind two requests that have their answers."""
    shown = [
        {"role": role, "content": text}
        for name, answer in EXAMPLES.items()
        for role, text in (("user", asked(name)), ("assistant", answer))
    ]
    return [*shown, {"role": "user", "content": asked(topic)}]


def asked(topic: str) -> str:
    """The request itself."""
    return f"Name four things about {topic}. Answer in one line, with commas."
