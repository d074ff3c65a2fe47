"""The sentences of the family's letter, one set for each language.

Short, without technical terms, and each reviewed as a whole: a translation is another set, never a
part of one.
"""

from collections.abc import Mapping
from datetime import date

from babel.dates import format_date
from msgspec import Struct


class FamilyWords(Struct, frozen=True, kw_only=True):
    language: str
    title: str
    to_whom: str
    greeting: str
    superseded: str
    child: str
    you: str
    patient: str
    who_looked: str
    who_looked_in_one_country: str
    found: str
    certainty: Mapping[str, str]
    """By the code of the outcome; `{name}` is the diagnosis."""
    no_diagnosis: str
    read_more: str
    advised: str
    kinds: Mapping[str, str]
    """By the kind of a recommendation."""
    by: str
    nothing_advised: str
    next: str
    then: tuple[str, ...]
    differs: str
    to_ask: str
    questions: tuple[str, ...]
    closing: str
    footer: str

    def month(self, day: date) -> str:
        """March 2027."""
        return format_date(day, "MMMM y", locale=self.language)


ENGLISH = FamilyWords(
    language="en",
    title="What the experts advise",
    to_whom="The family",
    greeting="Dear family,",
    superseded="There is a newer letter. Please ask your doctor for it.",
    child="your child",
    you="you",
    patient="the patient",
    who_looked="{experts} experts from {countries} countries have looked together at the questions "
    "that your doctor asked about {whom}. They did not see a name. This letter says in plain words "
    "what they found.",
    who_looked_in_one_country="{experts} experts have looked together at the questions that your "
    "doctor asked about {whom}. They did not see a name. This letter says in plain words what they "
    "found.",
    found="What they found",
    certainty={
        "certain": "The experts are sure about the diagnosis. Its name is {name}.",
        "probable": "The experts think that the diagnosis is probably {name}. It is not certain "
        "yet.",
        "possible": "The diagnosis could be {name}. More tests are needed before anybody can say "
        "so.",
    },
    no_diagnosis="The experts have not found the name of the condition yet. This happens often "
    "with rare conditions. It does not mean that nothing can be done.",
    read_more="You can read more about it on the website www.orpha.net. Search there for {code}.",
    advised="What they advise",
    kinds={
        "genetic test": "A test of the genes. Mostly a little blood or saliva is enough.",
        "laboratory test": "A test in the laboratory, for example of blood or urine.",
        "imaging": "A picture of the inside of the body, for example with ultrasound or a scan.",
        "referral": "A visit to a specialist.",
        "drug": "A medicine, or a change of a medicine.",
        "surgery": "A talk about an operation.",
        "surveillance": "A check-up.",
        "family": "A talk, and perhaps a test, for other people of the family if they wish.",
        "research": "A research study. You are free to say yes or no.",
    },
    by="Best before the end of {month}.",
    nothing_advised="The experts advise no new test and no new treatment now.",
    next="What happens next",
    then=(
        "Your doctor has the whole report and will talk about it with you.",
        "The experts give advice; you and your doctor decide. Nothing is done unless you agree.",
        "Your doctor will tell the experts later what was done, so that they can learn from it.",
    ),
    differs="Not all experts agreed on every point. Your doctor can tell you where they differed.",
    to_ask="You may want to ask your doctor",
    questions=(
        "What does this mean for {whom} now, and later?",
        "What is done first, and where?",
        "Does it matter for other people in the family?",
        "Is there a group of patients or families that we can talk to?",
    ),
    closing="With kind regards, for all experts who took part",
    footer="Your doctor gives you this letter. It does not replace a talk with your doctor.",
)
BY_LANGUAGE: Mapping[str, FamilyWords] = {"en": ENGLISH}
