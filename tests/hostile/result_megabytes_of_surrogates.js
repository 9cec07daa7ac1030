// expect: completed | �
// flags: --heap-memory-max 64
// then: kept.length => 4194304
// Each becomes three bytes.
var kept = "\ud800".repeat(4 << 20);
kept;
