// expect: failed | Out of memory
let chain = () => 0;
for (let i = 0; ; i++) { const previous = chain, big = [i, i, i]; chain = () => previous() + big[0]; }
