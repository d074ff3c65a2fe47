"""What people call the kinds of images; see PS3.3 C.7.3.1.1.1 for the codes."""

MODALITIES = {
    "CR": "X-ray",
    "CT": "CT",
    "DX": "X-ray",
    "ES": "Endoscopy",
    "GM": "Microscopy",
    "MG": "Mammography",
    "MR": "MR",
    "NM": "Nuclear medicine",
    "OP": "Eye photograph",
    "OT": "Image",
    "PT": "PET",
    "RF": "Fluoroscopy",
    "SC": "Capture",
    "US": "Ultrasound",
    "XA": "Angiography",
    "XC": "Photograph",
}
