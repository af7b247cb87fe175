//! The rules by themselves: what each request passes through before and after
//! any store.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use messenger_benches::Outcome;
use messenger_core::clock::Timestamp;
use messenger_core::cursor::{Cursor, Place, Places};
use messenger_core::event::{Partition, Position};
use messenger_core::friendship::{PairState, UserPair};
use messenger_core::id::UserId;
use messenger_core::message::{MessageBody, PayloadHash};
use messenger_core::user::DisplayName;
use uuid::Uuid;

/// As many as a MySQL database has.
const PARTITIONS: u16 = 8;

fn main() -> Outcome<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    let [one, other] = [1, 2].map(|n| UserId::from_uuid(Uuid::from_u128(n)));
    let pair = UserPair::try_new(one, other).ok_or("two users")?;
    texts(&mut criterion)?;
    friendship(&mut criterion, PairState::strangers(pair), one, other);
    cursors(&mut criterion, one)?;
    criterion.final_summary();
    Ok(())
}

fn texts(criterion: &mut Criterion) -> Outcome<()> {
    let (short, long) = ("x".repeat(100), "ü\u{301}".repeat(4_000));
    let mut group = criterion.benchmark_group("rules");
    for (name, text) in [("body of 100", &short), ("body of 8,000 combining", &long)] {
        MessageBody::parse(text)?;
        group.bench_function(name, |bencher| bencher.iter(|| MessageBody::parse(black_box(text))));
    }
    group.bench_function("payload hash of 100", |bencher| {
        bencher.iter(|| PayloadHash::of([black_box(short.as_bytes())]));
    });
    let name = DisplayName::parse("Ada Löwenstein-Çelik")?;
    group.bench_function("fold a name", |bencher| bencher.iter(|| black_box(&name).folded()));
    group.finish();
    Ok(())
}

fn friendship(criterion: &mut Criterion, strangers: PairState, one: UserId, other: UserId) {
    let at = Timestamp::from_millis(1);
    criterion.bench_function("rules/request, accept, block", |bencher| {
        bencher.iter(|| {
            let (_, asked) = black_box(strangers).request(one, at).ok()?;
            let asked = strangers.after(&asked.changes);
            let accepted = asked.accept(other, at).ok()?;
            let friends = asked.after(&accepted.changes);
            let blocked = friends.block(one, at);
            Some(friends.after(&blocked.changes))
        });
    });
}

fn cursors(criterion: &mut Criterion, user_id: UserId) -> Outcome<()> {
    let mut places = Places::default();
    for partition in 0..PARTITIONS {
        let place = Place { position: Position::from_stored(1_000_000), tag: u32::MAX };
        places.set(Partition::from_stored(partition), place);
    }
    let cursor = Cursor { epoch: u64::MAX, user_id, places };
    let text = cursor.encode();
    Cursor::decode(&text, user_id).ok_or("a cursor is read as it was written")?;
    let mut group = criterion.benchmark_group("rules");
    group.bench_function("encode a cursor", |bencher| bencher.iter(|| black_box(&cursor).encode()));
    group.bench_function("decode a cursor", |bencher| bencher.iter(|| Cursor::decode(black_box(&text), user_id)));
    group.finish();
    Ok(())
}
