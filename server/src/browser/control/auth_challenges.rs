//! Pure: servers and proxies ask who a person is → whether the person is asked, and how often.

use shared::session::{AuthChallenge, Credentials, TabId};

use crate::browser::cdp::{Challenger, PageCommand, TargetSession};

/// Credentials that one challenger may reject, before it is not answered any more.
const MOST_ATTEMPTS: u8 = 3;

/// Of one tab, that wait for the person: a page may have any number of frames.
const MOST_OPEN: usize = 8;

/// A page chooses its realm: so many characters are shown.
const MAX_REALM: usize = 200;

/// Of one Chrome.
#[derive(Debug, Default)]
pub struct AuthChallenges {
    number: u32,
    /// The oldest of a tab is shown.
    open: Vec<Open>,
    /// Credentials that were given to whom, in a tab's present document, and on the way to the next.
    attempts: Vec<(TabId, Challenger, u8)>,
    /// Tabs whose person has declined one: what their document asks for further is declined at once.
    declined: Vec<TabId>,
}

/// A request that waits.
#[derive(Debug)]
struct Open {
    tab: TabId,
    session: TargetSession,
    request: String,
    challenger: Challenger,
    asks: AuthChallenge,
}

/// What is to be done about a request that was challenged.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// The person is asked.
    Asked,
    /// It is answered without credentials, and the page shows what it has for those.
    Declined,
    /// The same, because it has rejected as many as it may.
    GaveUp,
}

impl AuthChallenges {
    pub fn on_challenge(
        &mut self,
        tab: Option<TabId>,
        session: TargetSession,
        request: String,
        challenger: Challenger,
    ) -> Outcome {
        // Of a page that nobody sees.
        let Some(tab) = tab else {
            return Outcome::Declined;
        };
        let attempts = self.attempts_of(&tab, &challenger);
        if attempts >= MOST_ATTEMPTS {
            self.forget_attempts(&tab, &challenger);
            return Outcome::GaveUp;
        }
        let open = self.open.iter().filter(|open| open.tab == tab).count();
        if open >= MOST_OPEN || self.declined.contains(&tab) {
            return Outcome::Declined;
        }
        self.number = self.number.wrapping_add(1);
        let asks = AuthChallenge {
            number: self.number,
            origin: challenger.origin.clone(),
            realm: challenger.realm.chars().take(MAX_REALM).collect(),
            is_proxy: challenger.is_proxy,
            is_repeated: attempts > 0,
        };
        self.open.push(Open {
            tab,
            session,
            request,
            challenger,
            asks,
        });
        Outcome::Asked
    }

    /// What viewers of that tab are asked.
    pub fn asked(&self, tab: &TabId) -> Option<&AuthChallenge> {
        let open = self.open.iter().find(|open| open.tab == *tab)?;
        Some(&open.asks)
    }

    /// What is sent for the challenge of that number; nothing, unless it is open. Without credentials it is declined, and
    /// with it whatever else its tab asks.
    pub fn answer(
        &mut self,
        number: u32,
        credentials: Option<Credentials>,
    ) -> Vec<(TargetSession, PageCommand)> {
        let mut open = self.open.iter();
        let Some(place) = open.position(|open| open.asks.number == number) else {
            return Vec::new();
        };
        if credentials.is_some() {
            let open = self.open.remove(place);
            let attempts = self.attempts_of(&open.tab, &open.challenger) + 1;
            self.forget_attempts(&open.tab, &open.challenger);
            self.attempts
                .push((open.tab.clone(), open.challenger.clone(), attempts));
            return vec![open.answer(credentials)];
        }
        let tab = self.open[place].tab.clone();
        let of_tab = |open: &mut Open| open.tab == tab;
        let declined: Vec<_> = self.open.extract_if(.., of_tab).collect();
        self.on_left(&tab);
        self.declined.push(tab);
        declined.into_iter().map(|open| open.answer(None)).collect()
    }

    /// That tab goes elsewhere: Chrome has no use for an answer.
    pub fn leave(&mut self, tab: &TabId) {
        self.open.retain(|open| open.tab != *tab);
    }

    /// That tab is gone, or shows another document.
    pub fn on_left(&mut self, tab: &TabId) {
        self.leave(tab);
        self.attempts.retain(|(asked, ..)| asked != tab);
        self.declined.retain(|declined| declined != tab);
    }

    /// That frame is gone.
    pub fn on_detached(&mut self, session: &TargetSession) {
        self.open.retain(|open| open.session != *session);
    }

    fn attempts_of(&self, tab: &TabId, challenger: &Challenger) -> u8 {
        let mut attempts = self.attempts.iter();
        let known = attempts.find(|(asked, by, _)| asked == tab && by == challenger);
        known.map_or(0, |(.., attempts)| *attempts)
    }

    fn forget_attempts(&mut self, tab: &TabId, challenger: &Challenger) {
        self.attempts
            .retain(|(asked, by, _)| asked != tab || by != challenger);
    }
}

impl Open {
    fn answer(self, credentials: Option<Credentials>) -> (TargetSession, PageCommand) {
        let request = self.request;
        let answer = PageCommand::ContinueWithAuth {
            request,
            credentials,
        };
        (self.session, answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tab(name: &str) -> TabId {
        name.parse().unwrap()
    }

    fn challenger(origin: &str) -> Challenger {
        Challenger {
            origin: origin.to_owned(),
            realm: "Office".to_owned(),
            is_proxy: false,
        }
    }

    fn challenge(challenges: &mut AuthChallenges, origin: &str) -> Outcome {
        let (session, request) = ("S".to_owned(), "R".to_owned());
        challenges.on_challenge(Some(tab("a")), session, request, challenger(origin))
    }

    fn answer(challenges: &mut AuthChallenges, known: bool) -> Option<PageCommand> {
        let number = challenges.asked(&tab("a"))?.number;
        let credentials = known.then(|| Credentials {
            username: "ada".to_owned(),
            password: "secret".to_owned(),
        });
        let answers = challenges.answer(number, credentials);
        answers.into_iter().map(|(_, answer)| answer).next()
    }

    #[test]
    fn a_person_has_three_attempts_with_each_challenger() {
        let mut challenges = AuthChallenges::default();
        for attempt in 0..3 {
            assert_eq!(challenge(&mut challenges, "https://a.test"), Outcome::Asked);
            let asks = challenges.asked(&tab("a")).unwrap();
            assert_eq!(asks.is_repeated, attempt > 0);
            assert!(answer(&mut challenges, true).is_some());
        }
        assert_eq!(
            challenge(&mut challenges, "https://a.test"),
            Outcome::GaveUp
        );
        assert_eq!(challenges.asked(&tab("a")), None);
        assert_eq!(challenge(&mut challenges, "https://b.test"), Outcome::Asked);
    }

    #[test]
    fn who_declines_once_is_asked_no_more_until_the_page_is_left() {
        let mut challenges = AuthChallenges::default();
        challenge(&mut challenges, "https://a.test");
        let declined = answer(&mut challenges, false);
        assert_eq!(
            declined,
            Some(PageCommand::ContinueWithAuth {
                request: "R".to_owned(),
                credentials: None
            })
        );
        assert_eq!(
            challenge(&mut challenges, "https://b.test"),
            Outcome::Declined
        );
        challenges.on_left(&tab("a"));
        assert_eq!(challenge(&mut challenges, "https://b.test"), Outcome::Asked);
        challenge(&mut challenges, "https://c.test");
        let number = challenges.asked(&tab("a")).unwrap().number;
        assert_eq!(challenges.answer(number, None).len(), 2, "both frames");
        assert_eq!(challenges.asked(&tab("a")), None);
    }

    #[test]
    fn any_number_of_frames_asks_one_question_at_a_time() {
        let mut challenges = AuthChallenges::default();
        for number in 0..1000 {
            let outcome = challenge(&mut challenges, &format!("https://{number}.test"));
            assert_eq!(outcome == Outcome::Asked, number < MOST_OPEN);
        }
        let first = challenges.asked(&tab("a")).cloned();
        assert_eq!(first.map(|asks| asks.origin), Some("https://0.test".into()));
        challenges.on_detached(&"S".to_owned());
        assert_eq!(challenges.asked(&tab("a")), None);
        assert_eq!(challenges.answer(1, None), []);
    }

    #[test]
    fn credentials_are_in_no_log() {
        let mut challenges = AuthChallenges::default();
        challenge(&mut challenges, "https://a.test");
        let said = format!("{:?}", answer(&mut challenges, true));
        assert!(
            said.contains("ContinueWithAuth") && !said.contains("secret") && !said.contains("ada")
        );
    }
}
