// expect: completed | []
["Deno", "__bootstrap", "__infra", "__timers", "bootstrap", "process", "require", "module", "global", "Bun", "ext", "core", "ops", "primordials"].filter((name) => name in globalThis);
