//! The notation of a [`Cut`], as it stands in plans.
//!
//! Clauses joined by `, `: `keep {…}` · `tear N HOW` · `clip {…}` · `zeros {…}` · `junk {…}` ·
//! `rename N target-missing|both-names` · `storm` · `new {PAGES}` · `mix PAGE LETTERS` (n new, o old,
//! x noise). What is not mentioned is lost, or old.

use super::cut::{Cut, CutShape, Fate, OpShape, PageFate};
use super::tear::{SectorFate, Sectors, Tear};

const LETTERS: [(char, SectorFate); 3] = [('n', SectorFate::New), ('o', SectorFate::Old), ('x', SectorFate::Noise)];

/// Sets of operations, by the word in front of them.
const SETS: [(&str, Fate); 4] =
    [("keep", Fate::Kept), ("clip", Fate::Clipped), ("zeros", Fate::Zeros), ("junk", Fate::Junk)];

pub(super) fn words(cut: &Cut) -> String {
    if cut.pages.is_empty() {
        if cut.fates.iter().all(|fate| *fate == Fate::Kept) {
            return "all".to_owned();
        }
        if cut.fates.iter().all(|fate| *fate == Fate::Lost) {
            return "none".to_owned();
        }
    }
    let mut clauses = Vec::new();
    if !cut.pages.is_empty() {
        clauses.push("storm".to_owned());
    }
    for (word, fate) in &SETS {
        push_set(&mut clauses, word, cut.fates.iter().map(|other| other == fate));
    }
    for (number, fate) in (1..).zip(&cut.fates) {
        match fate {
            Fate::Torn(tear) => clauses.push(format!("tear {number} {}", tear.words())),
            Fate::TargetMissing => clauses.push(format!("rename {number} target-missing")),
            Fate::BothNames => clauses.push(format!("rename {number} both-names")),
            _ => {}
        }
    }
    push_set(&mut clauses, "new", cut.pages.iter().map(|page| *page == PageFate::New));
    for (number, page) in (1..).zip(&cut.pages) {
        if let PageFate::Mixed(sectors) = page {
            let letter =
                |fate: &SectorFate| LETTERS.iter().find(|(_, other)| other == fate).map_or('o', |(letter, _)| *letter);
            clauses.push(format!("mix {number} {}", sectors.iter().map(letter).collect::<String>()));
        }
    }
    clauses.join(", ")
}

fn push_set(clauses: &mut Vec<String>, word: &str, members: impl Iterator<Item = bool>) {
    let set = Sectors::collect((1..).zip(members).filter(|(_, member)| *member).map(|(number, _)| number));
    if set.count() > 0 {
        clauses.push(format!("{word} {}", set.words()));
    }
}

/// Reads a cut of this shape; whether the profile allows it is not looked at.
pub(super) fn parse(words: &str, shape: &CutShape) -> Option<Cut> {
    let fates = |fate: Fate| vec![fate; shape.ops.len()];
    match words {
        "all" => {
            return Some(Cut { fates: fates(Fate::Kept), pages: Vec::new() });
        }
        "none" => {
            return Some(Cut { fates: fates(Fate::Lost), pages: Vec::new() });
        }
        _ => {}
    }
    let storm = words == "storm" || words.starts_with("storm, ");
    let pages = if storm { vec![PageFate::Old; shape.pages as usize] } else { Vec::new() };
    let mut cut = Cut { fates: fates(Fate::Lost), pages };
    for (index, clause) in clauses(words).enumerate() {
        if clause == "storm" && index == 0 {
            continue;
        }
        apply(clause, shape, &mut cut)?;
    }
    Some(cut)
}

fn apply(clause: &str, shape: &CutShape, cut: &mut Cut) -> Option<()> {
    let (word, rest) = clause.split_once(' ')?;
    if let Some((_, fate)) = SETS.iter().find(|(set, _)| *set == word) {
        for number in Sectors::parse(rest, shape.ops.len() as u32 + 1)?.iter() {
            *untouched(cut, number)? = fate.clone();
        }
        return Some(());
    }
    if word == "new" {
        for number in Sectors::parse(rest, shape.pages + 1)?.iter() {
            *old(cut, number)? = PageFate::New;
        }
        return Some(());
    }
    let (number, how) = rest.split_once(' ')?;
    let number: u32 = number.parse().ok()?;
    match word {
        "tear" => {
            let OpShape::Write { sectors, .. } = *shape.ops.get(number.checked_sub(1)? as usize)? else {
                return None;
            };
            *untouched(cut, number)? = Fate::Torn(Tear::parse(how, sectors)?);
        }
        "rename" => {
            *untouched(cut, number)? = match how {
                "target-missing" => Fate::TargetMissing,
                "both-names" => Fate::BothNames,
                _ => return None,
            };
        }
        "mix" => {
            let letter = |letter| LETTERS.iter().find(|(other, _)| *other == letter).map(|(_, fate)| *fate);
            let sectors: Option<Vec<SectorFate>> = how.chars().map(letter).collect();
            *old(cut, number)? =
                PageFate::Mixed(sectors.filter(|sectors| sectors.len() == shape.page_sectors as usize)?);
        }
        _ => return None,
    }
    Some(())
}

/// The fate of an operation no clause has mentioned yet.
fn untouched(cut: &mut Cut, number: u32) -> Option<&mut Fate> {
    let fate = cut.fates.get_mut(number.checked_sub(1)? as usize)?;
    (*fate == Fate::Lost).then_some(fate)
}

fn old(cut: &mut Cut, number: u32) -> Option<&mut PageFate> {
    let page = cut.pages.get_mut(number.checked_sub(1)? as usize)?;
    (*page == PageFate::Old).then_some(page)
}

/// The parts between commas that are not inside braces.
fn clauses(words: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    words
        .split(move |letter| {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            letter == ',' && depth == 0
        })
        .map(str::trim)
}
