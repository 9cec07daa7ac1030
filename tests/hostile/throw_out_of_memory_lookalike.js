// expect: failed | Error: Out of memory: V8 heap limit exceeded
throw new Error("Out of memory: V8 heap limit exceeded. Try increasing heap_memory_max_mb.");
