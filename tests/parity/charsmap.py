"""Builds a precompiled_charsmap as SentencePiece does: a double-array trie (darts-clone) from texts to replacements.

build({"ﬁ": "fi"}) gives the bytes that tokenizer.json holds in base64: the length of the trie in bytes, the trie's units,
and the replacements, each ended by NUL.
"""

import struct

HAS_LEAF, IS_VALUE, WIDE = 1 << 8, 1 << 31, 1 << 9


def unit_offset(distance):
    if distance < 1 << 21:
        return distance << 10
    assert distance % 256 == 0 and distance < 1 << 29
    return (distance >> 8) << 10 | WIDE


def trie_of(keys):
    """keys: {bytes: value}. The units of the trie."""
    root = {}
    for key, value in keys.items():
        node = root
        for byte in key:
            assert byte != 0
            node = node.setdefault(byte, {})
        node[0] = value
    units, used, bases, search_from = {}, {0}, set(), 1
    pending = [(0, 0, root)]  # place, label, node
    while pending:
        place, label, node = pending.pop()
        bytes_ = sorted(node)
        base = search_from
        while base in bases or any(base ^ byte in used for byte in bytes_) or (base ^ place >= 1 << 21 and (base ^ place) % 256):
            base += 1
        while search_from in used:
            search_from += 1
        bases.add(base)
        units[place] = unit_offset(base ^ place) | label | (HAS_LEAF if 0 in node else 0)
        for byte in bytes_:
            used.add(base ^ byte)
            if byte == 0:
                units[base] = node[0] | IS_VALUE
            else:
                pending.append((base ^ byte, byte, node[byte]))
    size = (max(units) // 256 + 1) * 256
    # A place that is not used holds a label that no text leads to.
    return [units.get(place, IS_VALUE | 0xFF) for place in range(size)]


def build(replacements):
    blob, offsets, keys = b"", {}, {}
    for text, replacement in replacements.items():
        data = replacement.encode()
        if data not in offsets:
            offsets[data] = len(blob)
            blob += data + b"\0"
        keys[text.encode()] = offsets[data]
    units = trie_of(keys)
    return struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + blob
