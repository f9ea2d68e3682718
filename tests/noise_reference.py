#!/usr/bin/env python3
"""The discrete Gaussian sampler again, from the words of privacy/chance.h and privacy/noise.c and no code of theirs: integers
of any size instead of words that could overflow, ChaCha20 from RFC 8439.
    noise_reference.py VARIANCE COUNT     prints COUNT samples, one a line, and then the octets of entropy that they took
Key number j of the entropy is SHA-256(u64le(j))."""
import hashlib
import math
import struct
import sys

BLOCK = 16384


def rotated(x, n):
    return (x << n | x >> (32 - n)) & 0xffffffff


def quarter(s, a, b, c, d):
    for left, added, bits in ((d, b, 16), (b, d, 12), (d, b, 8), (b, d, 7)):
        first = a if left == d else c
        s[first] = (s[first] + s[added]) & 0xffffffff
        s[left] = rotated(s[left] ^ s[first], bits)


def chacha20(key, counter):
    start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), counter, 0, 0, 0]
    s = start[:]
    for _ in range(10):
        for i in range(4):
            quarter(s, i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(s, i, 4 + (1 + i) % 4, 8 + (2 + i) % 4, 12 + (3 + i) % 4)
    return struct.pack("<16I", *((x + y) & 0xffffffff for x, y in zip(s, start)))


class Chance:
    def __init__(self):
        self.keys, self.block, self.used = 0, b"", 0

    def number(self, octets):
        if len(self.block) - self.used < octets:
            key = hashlib.sha256(struct.pack("<Q", self.keys)).digest()
            self.block = b"".join(chacha20(key, i) for i in range(BLOCK // 64))
            self.keys, self.used = self.keys + 1, 0
        self.used += octets
        return int.from_bytes(self.block[self.used - octets:self.used], "little")

    def below(self, bound):
        while True:
            product = self.number(8) * bound
            if product % 2**64 >= 2**64 % bound:
                return product >> 64

    def ratio(self, a, b):
        """A random real, digit by digit, against a / b."""
        low, width = 0, 1  # the real lies in [low, low + 1) / width
        while True:
            low, width = low << 16 | self.number(2), width << 16
            if low * b >= a * width:
                return False
            if (low + 1) * b <= a * width:
                return True

    def exp_part(self, a, b, k=1):
        while self.ratio(a, b * k):
            k += 1
        return k % 2 == 1

    def exp(self, a, b):
        while a > b:
            if not self.exp_part(1, 1, 2):
                return False
            a -= b
        return self.exp_part(a, b)


def sample(chance, variance):
    peak = math.isqrt(variance)
    while True:
        part = chance.below(variance)
        while not chance.exp_part(part, variance):
            part = chance.below(variance)
        whole = 0
        while chance.exp_part(1, 1, 2):
            whole += 1
        size = (part + variance * whole) // peak
        negative = chance.number(2) % 2 == 1
        if negative and size == 0:
            continue
        if chance.exp((size - peak)**2, 2 * variance):
            return -size if negative else size


def main():
    variance, count = int(sys.argv[1]), int(sys.argv[2])
    chance = Chance()
    for _ in range(count):
        print((sample(chance, variance) + 2**31) % 2**32 - 2**31)
    print(32 * chance.keys)


main()
