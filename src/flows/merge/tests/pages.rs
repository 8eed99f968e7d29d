//! What the view lets through, as a table of requests.

use crate::flows::merge::fixture::Fixture;
use crate::flows::merge::form::Choices;
use crate::flows::merge::orm::Orm;
use crate::flows::merge::orm::tests::{alone, now, rows};
use crate::flows::merge::protocol::{LOGIN, MERGE, Reply, Request};
use crate::flows::merge::rows::Rows;
use crate::flows::merge::schema::Era;
use crate::flows::merge::variants::{Feed, Function};
use crate::flows::merge::view::{ADMIN, Application};

/// The page and the form of a request, what is changed in the form, who sends it; the status in the releases, and in the
/// corrected form. A dash: the page is asked for, and no form sent.
const TABLE: &str = "
    page     form  change            user     | releases | correct
    A B      -     -                 -        | 302      | 302
    A B      -     -                 visitor  | 403      | 403
    A B      -     -                 admin    | 200      | 200
    A NOPE   -     -                 admin    | 404      | 404
    - -      -     -                 admin    | 200      | 200
    A B      1,2   -                 -        | 302      | 302
    A B      1,2   -                 visitor  | 403      | 403
    A NOPE   1,2   -                 admin    | 404      | 404
    A B      1,99  -                 admin    | 200      | 404
    A B      1,2   venue=            admin    | 200      | 400
    A B      1,2   host=combine      admin    | 200      | 400
    A B      1,2   tags=nonsense     admin    | 200      | 400
    A B      3,4   -                 admin    | 302*     | 400
    A B      1,1   -                 admin    | 302*     | 400
    A B      1,2   seen=             admin    | 302*     | 400
    A B      1,2   seen=other        admin    | 302*     | 409
    A B      1,2   tags=combine      admin    | 302*     | 302*
";

fn sent(application: Application, orm: &Orm, line: &[&str]) -> Reply {
    let [a, b, form, change, user] = line[..] else { panic!("{line:?}") };
    let user = if user == "-" { "" } else { user };
    let page: Vec<_> = [("event_a_0", a), ("event_b_0", b)].into_iter().filter(|(_, slug)| *slug != "-").collect();
    let answer = |request: &Request| now(application.answer(orm, request));
    let Some((key_a, key_b)) = form.split_once(',') else {
        return answer(&Request::get(user, MERGE, &page));
    };
    let shown = answer(&Request::get(ADMIN, MERGE, &page));
    let seen = shown.body.split_once("seen=").map_or("", |(_, seen)| seen);
    let choices = Choices::defaults();
    let mut body: Vec<(&str, &str)> = vec![("event_a", key_a), ("event_b", key_b), ("seen", seen)];
    for (field, choice) in choices.pairs() {
        body.push((field, choice));
    }
    if let Some((field, value)) = change.split_once('=') {
        body.retain(|(known, _)| *known != field);
        body.push((field, value));
    }
    answer(&Request::post(user, MERGE, &page, &body))
}

fn changed(before: &Rows, after: &Rows) -> &'static str {
    if before == after { "" } else { "*" }
}

/// Claim: who may not is sent away, what is not there is not found, what was not chosen is asked for again, and nothing has
/// changed then; the releases merge what the form says whatever the page was about, with itself too, and the corrected form
/// refuses that, and a form that was filled in before somebody else changed something. A star: rows have changed.
#[test]
fn what_the_view_lets_through() {
    for line in TABLE.lines().skip(2).filter(|line| !line.trim().is_empty()) {
        let mut cells = line.split('|').map(str::trim);
        let request: Vec<_> = cells.next().unwrap_or_default().split_whitespace().collect();
        for (function, expected) in [(Function::V1_5_1, cells.next()), (Function::Correct, cells.next())] {
            let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
            let before = rows(&orm);
            let reply = sent(Application { function, feed: Feed::Strict }, &orm, &request);
            let found = format!("{}{}", reply.status, changed(&before, &rows(&orm)));
            assert_eq!(Some(found.as_str()), expected, "{function:?}: {request:?}: {}", reply.body);
            let is_nobody = request.last() == Some(&"-");
            assert_eq!(reply.location == LOGIN, is_nobody, "{function:?}: {request:?}");
        }
    }
}

/// Claim: the same form a second time finds nobody to merge, and changes nothing.
#[test]
fn the_same_form_again() {
    for function in [Function::V1_5_1, Function::V1_11_4, Function::Correct] {
        let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
        let application = Application { function, feed: Feed::Strict };
        let line = ["A", "B", "1,2", "tags=combine", "admin"];
        assert_eq!(sent(application, &orm, &line).status, 302);
        let after = rows(&orm);
        assert_eq!((sent(application, &orm, &line).status, rows(&orm) == after), (404, true), "{function:?}");
    }
}

/// Claim: an edit that is refused because of its tag has not changed the notes either.
#[test]
fn a_refused_edit_changes_nothing() {
    let (orm, _) = alone(Era::Django1, &Fixture::default(), &[]);
    let before = rows(&orm);
    let application = Application { function: Function::V1_5_1, feed: Feed::Lookup };
    let edit = Request::post(ADMIN, "/workshops/event/C/", &[], &[("notes", "new"), ("add", "NOPE")]);
    assert_eq!(now(application.answer(&orm, &edit)).status, 400);
    assert_eq!(rows(&orm), before);
}
