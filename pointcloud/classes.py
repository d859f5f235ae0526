"""Names of LAS classification codes: ASPRS LAS 1.4 R15, table 17, and those of IGN's LiDAR HD."""

CLASS_NAMES: dict[int, str] = {
    0: "Jamais classé",
    1: "Non classé",
    2: "Sol",
    3: "Végétation basse",
    4: "Végétation moyenne",
    5: "Végétation haute",
    6: "Bâtiment",
    7: "Point bas (bruit)",
    8: "Point clé du modèle",
    9: "Eau",
    10: "Rail",
    11: "Surface de route",
    12: "Recouvrement",
    13: "Câble de garde",
    14: "Câble conducteur",
    15: "Pylône",
    16: "Connecteur de câble",
    17: "Tablier de pont",
    18: "Point haut (bruit)",
    19: "Structure suspendue",
    20: "Sol ignoré",
    21: "Neige",
    22: "Exclusion temporelle",
    64: "Sursol pérenne",
    65: "Artefact",
    66: "Points virtuels",
    67: "Divers bâtis",
    68: "Points issus d'un modèle de corrélation",
}
"""French name by code; from 64 on a producer decides, and IGN's names are given."""


def class_name(code: int) -> str:
    """Return the French name of a class."""
    return CLASS_NAMES.get(code, f"Classe {code}")
