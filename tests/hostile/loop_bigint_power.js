// expect: failed | RangeError: Maximum BigInt size exceeded
2n ** (2n ** 40n);
