// expect: failed | Out of memory: V8 heap limit exceeded
let url = "https://example.com/?a=1";
for (;;) url = new URL(url + "&" + url).href;
