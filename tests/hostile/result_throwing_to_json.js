// expect: completed
({ a: 1, toJSON() { throw null; } });
