//! tmp
use futures::future::BoxFuture;
use stasis_core::*;
use stasis_store::*;
use stasis_worker::{pool::*, protocol::ModuleText};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
struct N;
impl RunEvents for N {
    fn console(&mut self, _: ConsoleLevel, _: &str) {}
    fn load_module(&mut self, _: &str) -> BoxFuture<'static, Result<ModuleText, String>> {
        unreachable!()
    }
}
fn main() {
    stasis_worker::run_if_worker();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async {
        let d = std::path::PathBuf::from("/tmp/spin");
        std::fs::create_dir_all(&d).unwrap();
        let key = Arc::new(HeapKey::load_or_create(&d.join("key")).unwrap());
        let heaps = HeapStore::new(
            Arc::new(FileBlobStore::open(&d.join("heaps")).unwrap()),
            ImageCache::open(&d.join("images"), ByteSize::mebibytes(1024), key).unwrap(),
        );
        let pool = Pool::start(PoolOptions::new(d.join("state")), heaps).await.unwrap();
        let req = |start, keep| RunRequest {
            name: "t".into(),
            code: "1+1".into(),
            limits: Limits::default(),
            start,
            keep,
        };
        let p = |n: &str, mut v: Vec<f64>| {
            v.sort_by(f64::total_cmp);
            println!("{n}: median {:.3} p90 {:.3} ms", v[v.len() / 2], v[v.len() * 9 / 10]);
        };
        let n = 1500;
        let cm = || {
            std::fs::read_to_string("/proc/self/stat")
                .unwrap()
                .split(' ')
                .nth(10)
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        let c0 = cm();
        let (mut tot, mut st, mut ru) = (vec![], vec![], vec![]);
        let r0 = Instant::now();
        for _ in 0..n {
            let t = Instant::now();
            let f = pool.run(&req(Start::Fresh, false), &mut N, std::future::pending()).await.unwrap();
            tot.push(t.elapsed().as_secs_f64() * 1e3);
            st.push(f.timings.start.as_secs_f64() * 1e3);
            ru.push(f.timings.run.as_secs_f64() * 1e3);
        }
        println!("seq {:.0}/s", n as f64 / r0.elapsed().as_secs_f64());
        p("fresh total", tot);
        p("  start", st);
        p("  run", ru);
        println!("faults per run {}", (cm() - c0) / n as u64);
        for par in [2, 4] {
            let r0 = Instant::now();
            let mut js = vec![];
            for _ in 0..par {
                let pool = pool.clone();
                let req = req(Start::Fresh, false);
                js.push(tokio::spawn(async move {
                    for _ in 0..n / 2 {
                        pool.run(&req, &mut N, std::future::pending()).await.unwrap();
                    }
                }));
            }
            for j in js {
                j.await.unwrap();
            }
            println!("par {par}: {:.0}/s", (par * n / 2) as f64 / r0.elapsed().as_secs_f64());
        }
        let mut h = pool
            .run(&req(Start::Fresh, true), &mut N, std::future::pending())
            .await
            .unwrap()
            .heap
            .unwrap()
            .unwrap();
        let (mut tot, mut fr, mut so, mut st, mut ru) = (vec![], vec![], vec![], vec![], vec![]);
        for _ in 0..300 {
            let t = Instant::now();
            let f = pool.run(&req(Start::Heap(h), true), &mut N, std::future::pending()).await.unwrap();
            h = f.heap.unwrap().unwrap();
            tot.push(t.elapsed().as_secs_f64() * 1e3);
            let x = f.timings;
            st.push(x.start.as_secs_f64() * 1e3);
            ru.push(x.run.as_secs_f64() * 1e3);
            fr.push(x.freeze.as_secs_f64() * 1e3);
            so.push(x.store.as_secs_f64() * 1e3);
        }
        p("cold+keep total", tot);
        p("  start", st);
        p("  run", ru);
        p("  freeze", fr);
        p("  store", so);
        let mut v = vec![];
        for _ in 0..500 {
            let t = Instant::now();
            pool.run(&req(Start::Heap(h), false), &mut N, std::future::pending()).await.unwrap();
            v.push(t.elapsed().as_secs_f64() * 1e3);
        }
        p("hot", v);
        tokio::time::sleep(Duration::from_millis(50)).await;
    });
}
