//! Somebody swaps files and folders for links to the outside while scripts work on them.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::*;

/// How often each operation is tried.
const ROUNDS: usize = 400;

/// Swaps pairs of names as fast as it can, until it is dropped.
struct Swapper<'scope> {
    stop: &'scope AtomicBool,
}

impl<'scope> Swapper<'scope> {
    fn start<'env>(
        scope: &'scope thread::Scope<'scope, 'env>,
        stop: &'scope AtomicBool,
        pairs: Vec<(String, String)>,
    ) -> Self {
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for (one, other) in &pairs {
                    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).expect("exchange");
                }
            }
        });
        Self { stop }
    }
}

impl Drop for Swapper<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn nothing_gets_out_while_links_come_and_go() {
    let scene = Scene::with_limits(FileLimits { operations: u64::MAX, ..FileLimits::default() });
    scene.put("~/in/folder/canary", "inside");
    scene.put("~/in/leaf", "inside");
    scene.link("~/out", "~/in/to_out");
    scene.link("~/out/canary", "~/in/to_canary");
    let pairs = [("~/in/folder", "~/in/to_out"), ("~/in/leaf", "~/in/to_canary")];
    let pairs = pairs.map(|(one, other)| (scene.path(one), scene.path(other))).to_vec();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");

    let stop = AtomicBool::new(false);
    let (mut reached, mut stopped) = (0, 0);
    thread::scope(|scope| {
        let _swapper = Swapper::start(scope, &stop, pairs);
        for _ in 0..ROUNDS {
            for call in attempts(&scene) {
                let hint = format!("{call:?}");
                match runtime.block_on(scene.call(call)) {
                    Err(_) => stopped += 1,
                    Ok(answer) => {
                        check_answer(&answer, &hint);
                        reached += 1;
                    }
                }
            }
            scene.check_outside("while links come and go");
        }
    });
    assert!(reached > 0 && stopped > 0, "{reached} reached, {stopped} stopped: there was no race");
    scene.check_outside("when all is quiet");
}

fn attempts(scene: &Scene) -> [FileCall; 10] {
    [
        scene.read("~/in/folder/canary"),
        scene.read("~/in/leaf"),
        scene.read_folder("~/in/folder"),
        scene.write("~/in/folder/canary"),
        scene.write("~/in/leaf"),
        scene.append("~/in/folder/made"),
        scene.make_folder("~/in/folder/a/b", true),
        scene.rename("~/in/folder/made", "~/in/folder/renamed"),
        scene.copy("~/in/leaf", "~/in/folder/copy"),
        scene.remove("~/in/folder/a", true),
    ]
}

/// What was read is not from the outside.
fn check_answer(answer: &HostAnswer, hint: &str) {
    match answer {
        HostAnswer::Content(content) => {
            assert!(!content.starts_with(CANARY.as_bytes()), "{hint} read {content:?}");
        }
        // The folder inside never has one of that name.
        HostAnswer::Names(names) => assert!(!names.contains(&"folder".to_owned()), "{hint} saw {names:?}"),
        HostAnswer::Done
        | HostAnswer::Module(_)
        | HostAnswer::Response(_)
        | HostAnswer::Chunk(_)
        | HostAnswer::Facts(_)
        | HostAnswer::Exists(_) => {}
    }
}
