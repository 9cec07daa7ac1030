// expect: completed | 3
type Deep<T, N extends number = 5> = T extends [infer A, ...infer R] ? [A, ...Deep<R>] : { [K in keyof T as `x${K & string}`]?: T[K] };
abstract class A<in out T> { declare x: T; constructor(readonly y?: T, private z = 3) {} abstract m(): asserts this is A<T>; get w() { return this.z; } }
enum E { A = 1, B = A << 1, C = "x".length }
namespace N.M { export const v = 1; }
class B extends A<number> { m(): asserts this is A<number> {} override get w() { return super.w! satisfies number as any; } }
new B().w;
