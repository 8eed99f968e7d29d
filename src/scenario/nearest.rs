//! The nearest valid name to a name that is not valid, and how valid names are listed.

/// Longer names are not compared: nobody meant one.
const COMPARED_CHARS_MAX: usize = 80;
/// More names than this are not listed in a message.
const LISTED_NAMES_MAX: usize = 14;

/// The valid name that was probably meant; `None` when nothing is close.
pub(super) fn nearest<'n>(found: &str, valid: &[&'n str]) -> Option<&'n str> {
    let found = plain(found)?;
    // The last part alone, as in `dead-reference` for `publish/dead-reference`, is always meant.
    let tail = valid.iter().find(|name| name.rsplit('/').next().is_some_and(|last| last == found));
    if tail.is_some() {
        return tail.copied();
    }
    let allowed = (found.chars().count() / 3).max(1);
    valid
        .iter()
        .filter_map(|name| Some((strsim::osa_distance(&found, &plain(name)?), *name)))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Case and the choice between `_`, `-` and space are no difference worth counting.
fn plain(name: &str) -> Option<String> {
    let short = name.len() <= COMPARED_CHARS_MAX && !name.is_empty();
    short.then(|| name.to_lowercase().replace(['_', ' '], "-"))
}

/// A way out of an unknown name: the nearest one, else all of them if they are few.
pub(super) fn way_out(found: &str, valid: &[&str]) -> Option<String> {
    if let Some(name) = nearest(found, valid) {
        return Some(format!("did you mean `{name}`?"));
    }
    match valid {
        [] => None,
        names if names.len() <= LISTED_NAMES_MAX => Some(format!("valid: {}", listed(names))),
        names => Some(format!("`seedbed list` shows all {} valid names", names.len())),
    }
}

/// Names as a list: `a`, `b`, `c`.
pub(super) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITES: &[&str] = &["publish/dead-reference", "net/reset", "net/stall"];

    /// A slip of the finger finds its name; a name of another kind finds none.
    #[test]
    fn close_names_are_found_and_others_are_not() {
        assert_eq!(nearest("publsh/dead-refrence", SITES), Some("publish/dead-reference"));
        assert_eq!(nearest("net_Reset", SITES), Some("net/reset"));
        assert_eq!(nearest("weather", SITES), None);
        assert_eq!(nearest("", SITES), None);
    }

    /// A site without its folder is recognised.
    #[test]
    fn the_last_part_of_a_name_is_enough() {
        assert_eq!(nearest("dead-reference", SITES), Some("publish/dead-reference"));
    }

    /// When nothing is close, few names are listed and many are not.
    #[test]
    fn few_names_are_listed() {
        assert_eq!(way_out("weather", &["a", "b"]).as_deref(), Some("valid: `a`, `b`"));
        let many: Vec<String> = (0..50).map(|n| format!("name-{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(way_out("weather", &many).as_deref(), Some("`seedbed list` shows all 50 valid names"));
        assert_eq!(way_out("weather", &[]), None);
    }
}
