//! Scripts that are measured.

/// The smallest script.
pub const ADD: &str = "1+1";

/// A cell as an agent would write it: about 300 bytes of TypeScript with types to strip and something
/// to await.
pub const TYPESCRIPT: &str = "\
interface Order { id: number; items: { price: number; count: number }[] }
const orders: Order[] = [1, 2, 3].map((id) => ({ id, items: [{ price: 9.5 * id, count: id }] }));
const total = async (o: Order): Promise<number> => o.items.reduce((sum, i) => sum + i.price * i.count, 0);
(await Promise.all(orders.map(total))).join()";

/// Changes a little of the state.
pub const COUNT: &str = "globalThis.count = (globalThis.count ?? 0) + 1";

/// Bytes of V8's heap that one record of [`fill`] takes, about.
const RECORD_BYTES: usize = 176;

/// A script that leaves about so many megabytes of live objects: records with a number, a string and an
/// array each, in one large array.
pub fn fill(megabytes: usize) -> String {
    let records = megabytes * 1_000_000 / RECORD_BYTES;
    format!(
        "globalThis.live = []; \
         for (let i = 0; i < {records}; i++) live.push({{ id: i, name: 'record ' + String(i), tags: [i, i + 1] }}); \
         live.length"
    )
}
