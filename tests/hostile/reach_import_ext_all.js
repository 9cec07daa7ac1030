// expect: completed | []
const names = ["ext:core/ops", "ext:core/mod.js", "ext:deno_web/02_timers.js", "ext:stasis/bootstrap.js", "ext:stasis/boot.js", "internal:core", "checkin:x", "deno:core", "stasis:x", "blob:x"];
const reached = [];
for (const name of names) await import(name).then(() => reached.push(name), () => {});
reached;
