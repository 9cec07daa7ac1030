// expect: completed | 10n
({ a: 10n });
