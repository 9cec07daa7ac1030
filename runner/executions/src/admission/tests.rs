//! Who is let in, and when.

use super::*;

const BOUNDS: Bounds = Bounds { running: 1, going: 2, waiting: 4, asleep: 2 };

fn enter(admission: &Arc<Admission>, caller: &str) -> Result<Entrance, Refused> {
    admission.enter(&Caller::new(caller))
}

fn now(entrance: Result<Entrance, Refused>) -> Permit {
    match entrance {
        Ok(Entrance::Now(permit)) => permit,
        other => panic!("{other:?}"),
    }
}

fn later(entrance: Result<Entrance, Refused>) -> Place {
    match entrance {
        Ok(Entrance::Later(place)) => place,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn callers_take_turns() {
    let admission = Admission::new(BOUNDS);
    let mut permit = now(enter(&admission, "a"));
    let mut places: Vec<(&str, Place)> =
        ["a1", "a2", "a3", "b1"].map(|name| (name, later(enter(&admission, &name[..1])))).into();
    assert_eq!(enter(&admission, "c").err(), Some(Refused::Full));
    for expect in ["a1", "b1", "a2", "a3"] {
        drop(permit);
        let turn = places.iter_mut().position(|(_, place)| !place.turn.is_empty());
        let (name, place) = places.remove(turn.expect("somebody's turn"));
        assert_eq!(name, expect);
        permit = place.turn().await.expect("it is there");
    }
    drop(permit);
    assert_eq!(admission.load(), (0, 0));
    now(enter(&admission, "c"));
}

#[tokio::test]
async fn whoever_leaves_the_queue_leaves_no_gap() {
    let admission = Admission::new(BOUNDS);
    let permit = now(enter(&admission, "a"));
    let (first, second) = (later(enter(&admission, "a")), later(enter(&admission, "a")));
    drop(first);
    assert_eq!(admission.load(), (1, 1));
    drop(permit);
    // It was this one's turn, and it leaves without having taken it.
    drop(second);
    assert_eq!(admission.load(), (0, 0));
    now(enter(&admission, "a"));
}

#[tokio::test]
async fn what_is_being_saved_leaves_the_processor_to_others_up_to_a_bound() {
    let admission = Admission::new(BOUNDS);
    let mut first = now(enter(&admission, "a"));
    first.stop_running();
    let mut second = now(enter(&admission, "a"));
    second.stop_running();
    let third = later(enter(&admission, "a"));
    assert_eq!(admission.load(), (0, 1));
    drop(first);
    drop(third.turn().await.expect("its turn"));
    drop(second);
    assert_eq!(admission.load(), (0, 0));
}

#[tokio::test]
async fn nobody_enters_what_is_closed_and_those_who_wait_have_their_turn() {
    let admission = Admission::new(BOUNDS);
    let permit = now(enter(&admission, "a"));
    let place = later(enter(&admission, "a"));
    admission.close();
    assert_eq!(enter(&admission, "a").err(), Some(Refused::Closed));
    drop(permit);
    assert!(place.turn().await.is_some());
}

#[tokio::test]
async fn whoever_sleeps_leaves_room_for_others_up_to_a_bound() {
    let admission = Admission::new(BOUNDS);
    let mut sleepers = Vec::new();
    for _ in 0..BOUNDS.asleep {
        let mut permit = now(enter(&admission, "a"));
        permit.sleep();
        sleepers.push(permit);
    }
    let mut one_too_many = now(enter(&admission, "a"));
    one_too_many.sleep();
    assert_eq!(admission.load(), (1, 0));
    let place = later(enter(&admission, "b"));
    sleepers[0].wake();
    assert_eq!(admission.load(), (2, 1));
    // There is room again only when both of them have finished.
    drop(one_too_many);
    assert_eq!(admission.load(), (1, 1));
    drop(sleepers);
    place.turn().await.expect("its turn");
    assert_eq!(admission.load(), (0, 0));
}
