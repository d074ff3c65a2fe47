"""Pseudonyms: what everyone outside the centre calls a patient, `Wren-3841` for instance.

A bird and a number, both drawn at random: nothing of the patient is in it. Birds because people
remember and can say them, in any country; the number because two patients may not share one. Names
that would hurt as a patient's, are a person's first name, or differ from another one by only two
letters are left out.
"""

import secrets
from collections.abc import Callable

from cpms_core.errors import ConflictError

_WORDS = """
    Accentor Albatross Anhinga Antbird Antpitta Auklet Avocet Barbet Bellbird Bittern Bluebird
    Bluethroat Bobolink Brambling Bronzewing Bulbul Bunting Bushlark Canary Caracara Cardinal
    Cassowary Chaffinch Chickadee Chiffchaff Chough Conebill Cormorant Corncrake Courser Crake
    Crossbill Curassow Curlew Darter Dipper Dowitcher Dunlin Dunnock Eagle Egret Eider Euphonia
    Fairywren Falcon Fernbird Fieldfare Finch Firecrest Firefinch Flamingo Flicker Flycatcher
    Francolin Fulmar Galah Gannet Garganey Godwit Goldcrest Goldeneye Goldfinch Goosander
    Grassbird Greenbul Greenfinch Greenshank Grosbeak Guillemot Gyrfalcon Hamerkop Harrier Heron
    Hillstar Honeyeater Honeyguide Hoopoe Hornbill Hornero Ibis Ibisbill Jabiru Jacana Jackdaw
    Junco Kagu Kakapo Kestrel Kingbird Kingfisher Kinglet Kittiwake Kiwi Kookaburra Lapwing Lark
    Leafbird Longclaw Longspur Lorikeet Lyrebird Macaw Magpie Mallard Manakin Meadowlark
    Merganser Minivet Motmot Myna Nighthawk Nightingale Nightjar Nuthatch Oriole Oropendola
    Osprey Ouzel Ovenbird Pardalote Partridge Parula Peewit Pelican Phalarope Pheasant Pilotbird
    Pintail Pipit Pitta Plover Pochard Prion Ptarmigan Puffin Quail Quetzal Redpoll Redshank
    Redstart Redwing Roadrunner Rosefinch Rosella Saltator Sanderling Sandgrouse Sandpiper
    Scoter Seriema Shama Shearwater Shelduck Shoebill Shoveler Sicklebill Silvereye Siskin
    Skimmer Skylark Snipe Sparrow Spinebill Spoonbill Starling Stint Stonechat Stork Sunangel
    Sunbird Swallow Swan Tanager Teal Thrasher Thrush Tinamou Toucan Towhee Tragopan Treecreeper
    Trogon Tropicbird Turaco Turnstone Twite Veery Verdin Violetear Vireo Wagtail Warbler
    Waxbill Weaver Wheatear Whimbrel Whinchat Whipbird Whistler Widgeon Willet Woodhoopoe
    Woodpecker Woodstar Wren Wryneck Yuhina
"""
BIRDS = tuple(_WORDS.split())
_FIRST, _COUNT = 1000, 9000  # four digits; with the birds, close to two million pseudonyms
_TRIES = 64


def new_pseudonym(is_taken: Callable[[str], bool]) -> str:
    """One that `is_taken` denies. The store's unique column decides; this only avoids asking it."""
    for _ in range(_TRIES):
        pseudonym = f"{secrets.choice(BIRDS)}-{_FIRST + secrets.randbelow(_COUNT)}"
        if not is_taken(pseudonym):
            return pseudonym
    raise ConflictError("No free pseudonym was found, so nothing was saved. Please try again.")
