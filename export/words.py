"""What the judge's attributes and their values are called on the page, by language."""

Words = dict[str, str]

_ATTRIBUTES = {
    "top": ("top of the head", "haut de la tête"),
    "hair_colour": ("hair colour", "couleur des cheveux"),
    "skin": ("skin", "peau"),
    "eyes": ("eyes", "yeux"),
    "eyebrows": ("eyebrows", "sourcils"),
    "mouth": ("mouth", "bouche"),
    "glasses": ("glasses", "lunettes"),
    "facial_hair": ("facial hair", "barbe ou moustache"),
    "clothes": ("clothes", "habits"),
    "clothes_colour": ("colour of the clothes", "couleur des habits"),
}
FRENCH = {  # answers by question
    "top": {
        "bob": "carré",
        "bun": "chignon",
        "curls": "boucles",
        "waves": "ondulations",
        "dreadlocks": "dreadlocks",
        "afro": "afro",
        "quiff": "banane",
        "shaggy": "ébouriffé",
        "short curls": "boucles courtes",
        "short": "court",
        "bald": "chauve",
        "long": "long",
        "hat": "chapeau",
        "hijab": "hijab",
        "turban": "turban",
        "winter hat": "bonnet",
    },
    "hair_colour": {
        "black": "noir",
        "brown": "brun",
        "auburn": "auburn",
        "blond": "blond",
        "red": "roux",
        "pink": "rose",
        "grey": "gris",
    },
    "skin": {
        "dark": "foncée",
        "brown": "brune",
        "tan": "mate",
        "light": "claire",
        "pale": "pâle",
        "yellow": "jaune",
    },
    "eyes": {
        "open": "ouverts",
        "happy": "rieurs",
        "surprised": "étonnés",
        "sideways": "de côté",
        "wink": "clin d'œil",
        "hearts": "cœurs",
    },
    "eyebrows": {"calm": "calmes", "angry": "fâchés", "raised": "levés", "sad": "tristes"},
    "mouth": {
        "smile": "sourire",
        "closed smile": "sourire fermé",
        "serious": "sérieuse",
        "shout": "cri",
        "grimace": "grimace",
        "tongue": "langue tirée",
    },
    "glasses": {"round": "rondes", "square": "carrées", "sunglasses": "de soleil"},
    "facial_hair": {"beard": "barbe", "long beard": "longue barbe", "moustache": "moustache"},
    "clothes": {
        "hoodie": "sweat à capuche",
        "blazer": "veste",
        "sweater": "pull",
        "overall": "salopette",
        "T-shirt": "T-shirt",
    },
    "clothes_colour": {
        "black": "noirs",
        "blue": "bleus",
        "green": "verts",
        "red": "rouges",
        "yellow": "jaunes",
        "white": "blancs",
    },
}


def attribute(name: str) -> Words:
    """What an attribute is called; one that nobody translated is called by its name."""
    english, french = _ATTRIBUTES.get(name, (name.replace("_", " "),) * 2)
    return {"en": english, "fr": french}


def value(name: str, answer: str) -> Words:
    """What an answer to the question `name` is called, the question first."""
    title = attribute(name)
    return {
        "en": f"{title['en']}: {answer}",
        "fr": f"{title['fr']} : {FRENCH.get(name, {}).get(answer, answer)}",
    }
