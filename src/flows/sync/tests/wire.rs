//! The protocol, spoken by hand.

use std::cell::RefCell;

use super::*;
use crate::flows::sync::format::guid;
use crate::flows::sync::protocol::{Line, PORT, Token, Wire};
use crate::flows::sync::workload::mail_of_cache_size;

fn words(tokens: &[Token]) -> String {
    let shown = |token: &Token| match token {
        Token::Atom(word) => word.clone(),
        Token::List(_) => format!("({})", token.words().unwrap().join(" ")),
        Token::Literal(bytes) => format!("{{{}}}", bytes.len()),
    };
    tokens.iter().map(shown).collect::<Vec<_>>().join(" ")
}

async fn ask(wire: &mut Wire, line: Line) -> String {
    wire.send(&[line]).await.unwrap();
    let mut answers = Vec::new();
    loop {
        let tokens = wire.receive().await.unwrap().unwrap();
        answers.push(words(&tokens));
        if !answers.last().unwrap().starts_with('*') {
            return answers.join(" / ");
        }
    }
}

fn upload(last_uid: u32, items: &[(u32, &[u8])]) -> Line {
    items.iter().fold(Line::new(format!("UPLOAD {last_uid} 7")), |line, (uid, bytes)| {
        line.word(format!("SIMPLE {} {uid} 1 2 3 4", guid(bytes))).list(&[]).literal(bytes)
    })
}

/// Runs a conversation with a 2.3.9 replica.
fn converse<F: Future<Output = ()> + 'static>(
    main: impl Fn(Wire, Rc<RefCell<Vec<String>>>) -> F + 'static,
) -> (Lab, Vec<String>) {
    let heard: Rc<RefCell<Vec<String>>> = Rc::default();
    let notes = Rc::clone(&heard);
    let main = Rc::new(main);
    let lab = Lab::new(Rules::named("2.3.9").unwrap(), one_by_one()).drive(move |node| {
        let (main, notes) = (Rc::clone(&main), Rc::clone(&notes));
        async move {
            let stream = node.net().connect("replica", PORT).await.unwrap();
            main(Wire::new(stream), notes).await;
            node.sleep(Duration::from_secs(1)).await;
        }
    });
    let heard = heard.borrow().clone();
    (lab, heard)
}

/// Claim: an exchange is answered as the protocol's description shows; a message under a number below the last one is
/// combined, a reserved one is copied.
#[test]
fn an_exchange() {
    let (lab, heard) = converse(|mut wire, heard| async move {
        let mails: Vec<Vec<u8>> = (0..3).map(|n| mail_of_cache_size(0, n, 100).unwrap()).collect();
        for line in [
            Line::new("LOCK"),
            Line::new("SELECT user.a"),
            upload(3, &[(1, &mails[0])]),
            upload(3, &[(2, &mails[1]), (3, &mails[2])]),
            Line::new("SETFLAGS (2").list(&["todo".into()]).close(),
            Line::new("EXPUNGE 1"),
            Line::new(format!("RESERVE user.a {} {}", guid(&mails[1]), guid(b"unknown"))),
            Line::new("SELECT user.a.copies"),
            Line::new(format!("UPLOAD 1 7 COPY {} 1 1 2 3 4 ()", guid(&mails[1]))),
            Line::new("SETUIDVALIDITY user.a 9"),
            Line::new("MAILBOXES user.a user.a.copies"),
            Line::new("FROB"),
            Line::new("UNLOCK"),
        ] {
            let answer = ask(&mut wire, line).await;
            heard.borrow_mut().push(answer);
        }
    });
    let ids: Vec<String> = (0..3).map(|n| guid(&mail_of_cache_size(0, n, 100).unwrap()).to_string()).collect();
    let folders = format!(
        "** 0000000000000000 user.a acl 9 3 0 / * 2 {} (todo) / * 3 {} () / ** 0000000000000001 user.a.copies acl 1577750400 1 0 / * 1 {} () / OK",
        ids[1], ids[2], ids[1]
    );
    let reserved = format!("* {} / OK", ids[1]);
    assert_eq!(
        heard,
        [
            "OK",
            "OK 0000000000000000 0",
            "OK [CONTINUE]",
            "OK [CONTINUE]",
            "OK",
            "OK",
            &reserved,
            "OK 0000000000000001 0",
            "OK [CONTINUE]",
            "OK",
            &folders,
            "BAD unknown command",
            "OK [CONTINUE]"
        ]
    );
    assert_eq!(row(&lab.replica()), "2@104 3@204 | 1@4 gen 01000000 | 304 01000000 | 3");
}

/// Claim: a connection that ends inside a literal, or a line that is none, commits nothing.
#[test]
fn a_cut_literal_commits_nothing() {
    for keep in [1, 60, 150] {
        let (lab, _) = converse(move |mut wire, _| async move {
            ask(&mut wire, Line::new("LOCK")).await;
            ask(&mut wire, Line::new("SELECT user.a")).await;
            let bytes = mail_of_cache_size(0, 0, 100).unwrap();
            let line = upload(2, &[(1, &bytes), (2, &bytes)]).cut(keep);
            wire.send(&[line]).await.unwrap();
        });
        assert_eq!(row(&lab.replica()), " | none | 4 00000000 | 0", "after {keep} bytes");
    }
}

/// Claim: flags of messages behind one that is not there are forgotten, and the answer is OK all the same.
#[test]
fn flags_behind_a_gap_are_forgotten() {
    let (lab, heard) = converse(|mut wire, heard| async move {
        let mails: Vec<Vec<u8>> = (0..2).map(|n| mail_of_cache_size(0, n, 100).unwrap()).collect();
        ask(&mut wire, Line::new("LOCK")).await;
        ask(&mut wire, Line::new("SELECT user.a")).await;
        ask(&mut wire, upload(4, &[(1, &mails[0]), (4, &mails[1])])).await;
        let line = (["1", "2", "4"].iter())
            .fold(Line::new("SETFLAGS"), |line, uid| line.word(format!("({uid}")).list(&["todo".into()]).close());
        let answer = ask(&mut wire, line).await;
        heard.borrow_mut().push(answer);
    });
    assert_eq!(heard, ["OK"]);
    let found = lab.replica();
    let flags: Vec<_> = found.live().map(|entry| found.flags(entry)).collect();
    assert_eq!(flags, [vec!["todo".to_owned()], vec![]]);
}
