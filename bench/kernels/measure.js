// Times every kernel: the first call, with code that is not optimised yet, and the median of those after
// the engine has warmed up. The completion value is read by the comparison.
JSON.stringify(Object.entries(globalThis.kernels).map(([name, kernel]) => {
  const times = [];
  let check;
  for (let i = 0; i < 12; i++) {
    const begun = performance.now();
    check = kernel();
    times.push(performance.now() - begun);
  }
  const warm = times.slice(3).sort((a, b) => a - b);
  return { name, check, first: times[0], warm: warm[warm.length >> 1] };
}));
