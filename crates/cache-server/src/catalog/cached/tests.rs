use std::sync::atomic::{AtomicUsize, Ordering};

use cache_lib::{Error, ErrorKind, Sha256};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(10);

/// A question that takes its time.
#[derive(Debug, Clone)]
struct Scripted {
    asked: Arc<AtomicUsize>,
    admitted: Arc<AtomicUsize>,
    takes: Duration,
    answer: Result<u32, HubError>,
    known: Option<u32>,
}

impl Scripted {
    fn new(answer: Result<u32, HubError>) -> Self {
        let (asked, admitted) = (Arc::default(), Arc::default());
        Self { asked, admitted, takes: Duration::ZERO, answer, known: None }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl CachedQuery for Scripted {
    type Answer = u32;

    async fn ask(&self) -> (Result<u32, HubError>, Duration) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        (self.answer.clone(), MINUTE)
    }

    async fn known(&self) -> KnownAnswer<u32> {
        self.known.map_or(KnownAnswer::Nothing, KnownAnswer::Old)
    }

    async fn admit(&self) -> Result<(), HubError> {
        self.admitted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn answers() -> QueryCache<u32, u32> {
    QueryCache::new(8, Arc::default(), AGAIN)
}

fn new(value: u32) -> CachedAnswer<u32> {
    CachedAnswer { value, stale: false }
}

fn old(value: u32) -> CachedAnswer<u32> {
    CachedAnswer { value, stale: true }
}

async fn get(answers: &QueryCache<u32, u32>, key: u32, question: &Scripted) -> Result<CachedAnswer<u32>, HubError> {
    answers.get(key, Identity::Anonymous, || question.clone()).await
}

fn down() -> HubError {
    Error::new(ErrorKind::Network, "no answer").into()
}

#[tokio::test(start_paused = true)]
async fn many_wait_for_one_question() {
    let (answers, question) = (answers(), Scripted { takes: 9 * AGAIN, ..Scripted::new(Ok(1)) });
    let all = futures::future::join_all((0..50).map(|_| get(&answers, 1, &question))).await;
    assert!(all.iter().all(|answer| *answer.as_ref().unwrap() == new(1)));
    assert_eq!(question.asked(), 1);
    assert_eq!(get(&answers, 1, &question).await.unwrap(), new(1));
    tokio::time::advance(MINUTE).await;
    get(&answers, 1, &question).await.unwrap();
    assert_eq!(question.asked(), 2, "it has lapsed");
}

#[tokio::test(start_paused = true)]
async fn a_silent_upstream_leaves_the_old_answer() {
    let answers = answers();
    get(&answers, 1, &Scripted::new(Ok(1))).await.unwrap();
    get(&answers, 2, &Scripted::new(Ok(2))).await.unwrap();
    tokio::time::advance(MINUTE).await;
    let silent = Scripted { takes: MINUTE, ..Scripted::new(Err(down())) };
    let start = Instant::now();
    assert_eq!(get(&answers, 1, &silent).await.unwrap(), old(1));
    let first = start.elapsed();
    assert!(first < Duration::from_secs(1), "{first:?}");
    // Nobody else waits, whatever is asked for; what only the store knows included.
    for _ in 0..100 {
        assert_eq!(get(&answers, 1, &silent).await.unwrap(), old(1));
        assert_eq!(get(&answers, 2, &silent).await.unwrap(), old(2));
    }
    let stored = Scripted { known: Some(3), ..silent.clone() };
    assert_eq!(get(&answers, 3, &stored).await.unwrap(), old(3));
    let waited = start.elapsed() - first;
    tokio::task::yield_now().await;
    assert!(waited < Duration::from_millis(250), "a tick each at most: {waited:?}");
    assert_eq!(silent.asked(), 3, "one question for each");
    tokio::time::sleep(MINUTE + Duration::from_secs(1)).await;
    let asked = silent.asked();
    assert_eq!(get(&answers, 1, &silent).await.unwrap(), old(1));
    assert_eq!(silent.asked(), asked, "who has just not answered is left alone");
    tokio::time::advance(AGAIN).await;
    answers.grace.record_answer();
    assert_eq!(get(&answers, 1, &Scripted::new(Ok(7))).await.unwrap(), new(7));
}

#[tokio::test(start_paused = true)]
async fn a_question_goes_on_without_its_asker() {
    let (answers, question) = (answers(), Scripted { takes: MINUTE, ..Scripted::new(Ok(1)) });
    assert!(tokio::time::timeout(AGAIN, get(&answers, 1, &question)).await.is_err());
    tokio::time::sleep(MINUTE).await;
    assert_eq!(get(&answers, 1, &question).await.unwrap(), new(1));
    assert_eq!(question.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn trouble_leaves_the_old_answer_a_no_does_not() {
    let answers = answers();
    get(&answers, 1, &Scripted::new(Ok(1))).await.unwrap();
    tokio::time::advance(MINUTE).await;
    assert_eq!(get(&answers, 1, &Scripted::new(Err(down()))).await.unwrap(), old(1));
    tokio::time::advance(MINUTE).await;
    let gone = Scripted::new(Err(HubError::RevisionNotFound));
    assert!(matches!(get(&answers, 1, &gone).await, Err(HubError::RevisionNotFound)));
    assert!(matches!(get(&answers, 1, &gone).await, Err(HubError::RevisionNotFound)));
    assert_eq!(gone.asked(), 1);
    // Known not to be there any more: a slow answer is waited for.
    tokio::time::advance(MINUTE).await;
    let slow = Scripted { takes: AGAIN, ..gone };
    assert!(matches!(get(&answers, 1, &slow).await, Err(HubError::RevisionNotFound)));
    assert!(matches!(get(&answers, 9, &Scripted::new(Err(down()))).await, Err(HubError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn trouble_after_a_no_leaves_no_old_answer() {
    let answers = answers();
    get(&answers, 1, &Scripted::new(Ok(1))).await.unwrap();
    tokio::time::advance(MINUTE).await;
    let gone = Scripted::new(Err(HubError::RepoNotFound));
    assert!(matches!(get(&answers, 1, &gone).await, Err(HubError::RepoNotFound)));
    let (trouble, other) = (Scripted::new(Err(down())), Identity::Caller(Sha256::from_bytes([1; 32])));
    for _ in 0..2 {
        tokio::time::advance(MINUTE).await;
        let refused = get(&answers, 1, &trouble).await;
        assert!(matches!(refused, Err(HubError::Unavailable(_))), "{refused:?}");
        // Its own question: what one is denied is not revived for others.
        let asked = trouble.asked();
        assert_eq!(answers.get(1, other, || trouble.clone()).await.unwrap(), old(1));
        assert_eq!(trouble.asked(), asked + 1);
        // Nor does what counts for another again count for the one who was refused.
        let refused = get(&answers, 1, &trouble).await;
        assert!(matches!(refused, Err(HubError::Unavailable(_))), "{refused:?}");
    }
    // The other's question, which the refused one waits for.
    tokio::time::advance(MINUTE).await;
    let slow = Scripted { takes: AGAIN, ..Scripted::new(Err(down())) };
    let (kept, refused) = tokio::join!(answers.get(1, other, || slow.clone()), get(&answers, 1, &slow));
    assert_eq!(kept.unwrap(), old(1));
    assert!(matches!(refused, Err(HubError::Unavailable(_))), "{refused:?}");
    tokio::time::advance(MINUTE).await;
    assert_eq!(get(&answers, 1, &Scripted::new(Ok(2))).await.unwrap(), new(2));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_for_its_asker_alone() {
    let answers = answers();
    let refused = Scripted { takes: AGAIN, ..Scripted::new(Err(HubError::RepoNotFound)) };
    let other = Identity::Caller(Sha256::from_bytes([1; 32]));
    let let_in = Scripted { takes: AGAIN, ..Scripted::new(Ok(1)) };
    let second = async {
        while refused.asked() == 0 {
            tokio::task::yield_now().await;
        }
        answers.get(1, other, || let_in.clone()).await
    };
    let (no, yes) = tokio::join!(get(&answers, 1, &refused), second);
    assert!(matches!(no, Err(HubError::RepoNotFound)), "{no:?}");
    assert_eq!(yes.unwrap(), new(1));
}

#[tokio::test(start_paused = true)]
async fn invented_names_push_out_no_answer() {
    let answers = answers();
    let good = Scripted::new(Ok(0));
    get(&answers, 0, &good).await.unwrap();
    for key in 1..20_000 {
        let none = get(&answers, key, &Scripted::new(Err(HubError::RevisionNotFound))).await;
        assert!(none.is_err());
    }
    get(&answers, 0, &good).await.unwrap();
    assert_eq!(good.asked(), 1);
    assert!(answers.len() <= 8 + 2 * REFUSALS, "{}", answers.len());
}
