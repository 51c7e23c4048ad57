//! What a walk promises, whatever the agent.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use super::*;

const TABLE: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 1];

fn oid(column: u32, row: u32) -> Oid {
    Oid::new(TABLE).below(&[column, row])
}

fn number(oid: Oid, number: i64) -> Binding {
    Binding { oid, value: Value::Number(number) }
}

/// An agent with sound tables, unless `bend` answers in its place.
struct Tables<F> {
    /// Rows of each column, from 1.
    rows: Vec<u32>,
    requests: AtomicU32,
    bend: F,
}

type Answer = Result<Vec<Binding>, AskError>;

impl<F: Fn(u32, &[Oid], u32) -> Option<Answer> + Sync> Tables<F> {
    fn new(rows: &[u32], bend: F) -> Self {
        Self { rows: rows.to_vec(), requests: AtomicU32::new(0), bend }
    }

    fn after(&self, oid: &Oid) -> Option<Binding> {
        let columns = (1..).zip(&self.rows);
        let mut all = columns.flat_map(|(column, rows)| (1..=*rows).map(move |row| (column, row)));
        all.find(|(column, row)| self::oid(*column, *row) > *oid)
            .map(|(column, row)| number(self::oid(column, row), i64::from(column * 1000 + row)))
    }

    async fn read(&self, columns: &[u32], within: Duration) -> Result<Vec<Column>, Restarted> {
        let oids: Vec<Oid> = columns.iter().map(|one| Oid::new(TABLE).below(&[*one])).collect();
        walk(self, &oids, &Course::new(5_000, Instant::now() + within)).await
    }
}

impl<F: Fn(u32, &[Oid], u32) -> Option<Answer> + Sync> Agent for Tables<F> {
    async fn get(&self, _: &[Oid]) -> Answer {
        Err(AskError::Silent)
    }

    async fn bulk(&self, _: &[Oid], repeated: &[Oid], repetitions: u32) -> Answer {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(answer) = (self.bend)(request, repeated, repetitions) {
            return answer;
        }
        let mut last = repeated.to_vec();
        let mut answer = vec![number(Oid::new(UP_TIME).below(&[0]), 5_100)];
        for _ in 0..repetitions {
            for last in &mut last {
                let next = self.after(last);
                let next = next.unwrap_or(Binding { oid: last.clone(), value: Value::End });
                last.clone_from(&next.oid);
                answer.push(next);
            }
        }
        Ok(answer)
    }
}

const LONG: Duration = Duration::from_secs(60);

fn sound(_: u32, _: &[Oid], _: u32) -> Option<Answer> {
    None
}

#[tokio::test]
async fn columns_of_different_lengths_come_whole_and_end_where_they_end() {
    let agent = Tables::new(&[100, 7, 0, 100], sound);
    let columns = agent.read(&[1, 2, 3, 4], LONG).await.unwrap();
    let lengths: Vec<_> = columns.iter().map(|column| column.rows.len()).collect();
    assert_eq!(lengths, [100, 7, 0, 100]);
    assert!(columns.iter().all(|column| column.cut.is_none()));
    assert_eq!(columns[3].rows[99], (vec![100].into(), Value::Number(4100)));
    // 15 rows a request for four columns, then 30 for two, not one for each row.
    assert!(agent.requests.into_inner() <= 6);
}

#[tokio::test]
async fn an_agent_that_goes_backwards_or_in_circles_ends_its_column_and_no_other() {
    let agent = Tables::new(&[3, 3], |_, asked: &[Oid], _| {
        let up = number(Oid::new(UP_TIME).below(&[0]), 5_100);
        let first =
            asked.first().is_some_and(|one| one.index_under(&Oid::new(TABLE)) == Some(&[1]));
        first
            .then(|| Ok(vec![up, number(oid(1, 5), 1), number(oid(2, 1), 1), number(oid(1, 5), 2)]))
    });
    let columns = agent.read(&[1, 2], LONG).await.unwrap();
    assert_eq!(columns[0].cut, Some(Cut::Backwards));
    assert_eq!(columns[0].rows, [(vec![5].into(), Value::Number(1))], "what came before stays");
    assert_eq!((columns[1].rows.len(), &columns[1].cut), (3, &None));
}

#[tokio::test]
async fn a_table_without_end_is_left_at_its_bound_in_rows_and_in_bytes() {
    let endless = |wide: usize| {
        Tables::new(&[], move |_, asked: &[Oid], rows| {
            let from = asked[0].index_under(&Oid::new(TABLE)).and_then(|index| index.get(1));
            let from = from.copied().unwrap_or(0);
            let mut answer = vec![number(Oid::new(UP_TIME).below(&[0]), 5_100)];
            let text = || Value::Bytes(vec![b'x'; wide]);
            answer.extend(
                (from + 1..=from + rows).map(|row| Binding { oid: oid(1, row), value: text() }),
            );
            Some(Ok(answer))
        })
    };
    let columns = endless(1).read(&[1], LONG).await.unwrap();
    assert_eq!((columns[0].rows.len(), &columns[0].cut), (MAX_ROWS, &Some(Cut::Endless)));
    let columns = endless(60_000).read(&[1], LONG).await.unwrap();
    assert_eq!(columns[0].cut, Some(Cut::TooLarge));
    let kept = i64::try_from(columns[0].rows.len()).unwrap() * 60_000;
    assert!(kept <= MAX_BYTES && kept > MAX_BYTES / 2, "{kept}");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_in_smaller_parts() {
    let agent = Tables::new(&[50], |_, asked: &[Oid], rows| {
        (asked.len() * rows as usize > 5).then_some(Err(AskError::TooBig))
    });
    let columns = agent.read(&[1], LONG).await.unwrap();
    assert_eq!((columns[0].rows.len(), &columns[0].cut), (50, &None));
    let never = Tables::new(&[50], |_, _: &[Oid], _| Some(Err(AskError::Silent)));
    let columns = never.read(&[1, 2], LONG).await.unwrap();
    assert_eq!(columns[1].cut, Some(Cut::Ask(AskError::Silent)));
    assert!(never.requests.into_inner() < 6);
    let empty = Tables::new(&[], |_, _: &[Oid], _| Some(Ok(Vec::new())));
    assert_eq!(empty.read(&[1], LONG).await.unwrap()[0].cut, Some(Cut::Empty));
}

#[tokio::test]
async fn a_walk_ends_when_its_time_is_over_with_what_it_has() {
    type Sound = fn(u32, &[Oid], u32) -> Option<Answer>;
    /// Answers twice, then never.
    struct Stuck(Tables<Sound>);
    impl Agent for Stuck {
        async fn get(&self, oids: &[Oid]) -> Answer {
            self.0.get(oids).await
        }
        async fn bulk(&self, once: &[Oid], repeated: &[Oid], repetitions: u32) -> Answer {
            if self.0.requests.load(Ordering::Relaxed) >= 2 {
                std::future::pending::<()>().await;
            }
            self.0.bulk(once, repeated, repetitions).await
        }
    }
    let agent = Stuck(Tables::new(&[10_000], sound));
    let course = Course::new(5_000, Instant::now() + Duration::from_millis(200));
    let columns = walk(&agent, &[Oid::new(TABLE).below(&[1])], &course).await.unwrap();
    assert_eq!((columns[0].rows.len(), &columns[0].cut), (120, &Some(Cut::TooLong)));
}

#[tokio::test]
async fn a_restart_in_mid_walk_is_seen_and_the_end_of_a_count_is_none() {
    let restarted = Tables::new(&[500], |request, _: &[Oid], _| {
        (request == 3).then(|| Ok(vec![number(Oid::new(UP_TIME).below(&[0]), 200)]))
    });
    assert_eq!(restarted.read(&[1], LONG).await, Err(Restarted));
    let course = Course::new(u32::MAX - 100, Instant::now());
    assert!(!course.restarted(50), "497 days are over");
    assert!(course.restarted(WRAP_CENTISECONDS + 1));
    let course = Course::new(5_000, Instant::now());
    assert!(!course.restarted(4_500) && course.restarted(3_000));
}
