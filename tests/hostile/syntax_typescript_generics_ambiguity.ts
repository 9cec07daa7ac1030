// expect: completed | true
const f = <T,>(x: T) => x; let a = 1, b = 2, c = 3;
f<number>(5) === 5 && (a < b) && !(b > (c)) && (<any>a) === 1;
