// expect: failed
let url = "https://example.com/?a=1";
for (;;) url = new URL(url + "&" + url).href;
