//! Processes that wait for a script: forked several at a time, each for one run.

use std::{collections::BTreeSet, time::Duration};

use libtest_mimic::Trial;
use stasis_worker::pool::Start;

use crate::{
    bench::{Bench, children, children_beside, until},
    kill_children, test,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("spares_are_forked_when_half_are_left", test(spares_are_forked_when_half_are_left)),
        Trial::test("spares_are_as_many_as_wanted", test(spares_are_as_many_as_wanted)),
        Trial::test("each_spare_has_a_socket_of_its_own", test(each_spare_has_a_socket_of_its_own)),
        Trial::test("dead_spares_are_replaced", test(dead_spares_are_replaced)),
    ]
}

async fn ready(bench: &Bench, count: usize) {
    until("spares are ready", || bench.pool.waiting().spares == count).await;
}

async fn spares_are_forked_when_half_are_left() {
    const WANTED: usize = 8;
    let bench = Bench::with_spares(WANTED).await;
    ready(&bench, WANTED).await;
    for left in [7, 6, 5] {
        assert_eq!(bench.returns("1 + 1", Start::Fresh).await.0, "2");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(bench.pool.waiting().spares, left);
    }
    assert_eq!(bench.returns("1 + 1", Start::Fresh).await.0, "2");
    ready(&bench, WANTED).await;
}

async fn spares_are_as_many_as_wanted() {
    // More and fewer than are forked together.
    for wanted in [1, 2, 3, 5, 9] {
        let before = children();
        let bench = Bench::with_spares(wanted).await;
        ready(&bench, wanted).await;
        // Zygote and template wait besides.
        until("nobody else is there", || children_beside(&before).len() == wanted + 2).await;
        for _ in 0..3 * wanted {
            assert_eq!(bench.returns("1 + 1", Start::Fresh).await.0, "2");
        }
        drop(bench);
        until("all are reaped", || children_beside(&before).is_empty()).await;
    }
}

async fn each_spare_has_a_socket_of_its_own() {
    const WANTED: usize = 4;
    let bench = Bench::with_spares(WANTED).await;
    ready(&bench, WANTED).await;
    let run = async |index: usize| {
        let code = format!("await new Promise(done => setTimeout(done, 50)); {index}");
        bench.returns(&code, Start::Fresh).await.0
    };
    let texts = futures::future::join_all((0..3 * WANTED).map(run)).await;
    let expected: Vec<_> = (0..3 * WANTED).map(|index| index.to_string()).collect();
    assert_eq!(texts, expected);
    ready(&bench, WANTED).await;
    // Forked together, and yet they share no random numbers.
    let drawn = futures::future::join_all(
        (0..WANTED)
            .map(async |_| bench.returns("`${Math.random()} ${crypto.randomUUID()}`", Start::Fresh).await.0),
    );
    let drawn: BTreeSet<_> = drawn.await.into_iter().collect();
    assert_eq!(drawn.len(), WANTED);
}

async fn dead_spares_are_replaced() {
    const WANTED: usize = 4;
    let bench = Bench::with_spares(WANTED).await;
    for _ in 0..5 {
        ready(&bench, WANTED).await;
        kill_children();
        assert_eq!(bench.returns("1 + 1", Start::Fresh).await.0, "2");
    }
}
