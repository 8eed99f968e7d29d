//! The messages of a run: text that says whose it is wherever it is read, and that looks like commands in places.

use crate::flows::sync::format::build;

/// The message at a place of an operation.
#[must_use]
pub fn mail(operation: usize, place: usize, subject: usize) -> Vec<u8> {
    // Lengths vary, so that a record's place says something about what is before it.
    let filler = "re: ".repeat((subject + 13 * place) % 61 / 4);
    format!(
        "From: sender {operation}.{place} <s{operation}.{place}@example.org>\r\n\
         To: a <a@example.org>\r\n\
         Subject: {filler}message {operation}.{place}{}\r\n\
         Message-Id: <{operation}.{place}@example.org>\r\n\
         Content-Type: TEXT/PLAIN\r\n\
         X-Place: {operation} {place}\r\n\
         \r\n\
         This is message {operation}.{place}.\r\n\
         UPLOAD 9 9 SIMPLE\r\n\
         EXPUNGE 1 2 3\r\n\
         OK\r\n",
        "x".repeat(subject)
    )
    .into_bytes()
}

/// A message whose cache record has so many bytes, a multiple of four from 80 on.
#[must_use]
pub fn mail_of_cache_size(operation: usize, place: usize, size: usize) -> Option<Vec<u8>> {
    let name = format!("m{operation}.{place} ");
    (0..size).find_map(|len| {
        let subject: String = name.chars().chain("re: subject ".chars().cycle()).take(len).collect();
        (1..8).find_map(|digits| {
            let id = format!("{:0digits$}", operation * 8 + place);
            let mail =
                format!("Subject: {subject}\r\nMessage-Id: {id}\r\n\r\ntext {operation}.{place}\r\n").into_bytes();
            (build(&mail).len() == size).then_some(mail)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: cache records can be made of any size the incident's table has, and of different messages they differ.
    #[test]
    fn sizes_can_be_asked_for() {
        for size in [80, 100, 120, 140, 160, 200] {
            let made = mail_of_cache_size(0, 1, size).unwrap();
            assert_eq!(build(&made).len(), size);
            assert_ne!(build(&made), build(&mail_of_cache_size(0, 2, size).unwrap()));
        }
        let sizes: std::collections::BTreeSet<_> = (0..4).map(|place| build(&mail(1, place, 20)).len()).collect();
        assert!(sizes.len() > 2, "{sizes:?}");
    }
}
