//! The pricing engine for tills and for other languages: JSON in, JSON out, as WebAssembly without imports.
//!
//! A caller asks for room with `input(length)`, writes UTF-8 JSON at the address that it gets, calls `price()`, and reads
//! as many bytes as that says from `output()`. Both addresses are good until the next call. `schemas/vectors/pricing` has
//! examples of what goes in and what comes out.

#[cfg(target_arch = "wasm32")]
mod exports;

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    Rejection,
    pricing::{Basket, Explanation, PriceBook, Quote, quote},
};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    /// The rules, price lists and promotions; those of the last question, if left out.
    book: Option<PriceBook>,
    basket: Basket,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Priced { quote: Box<Quote>, explanations: Vec<Explanation> },
    Refused { code: &'static str, detail: String, pointer: Option<String> },
}

/// Prices baskets. It remembers the price book, so that a till sends it once and not with each basket.
#[derive(Debug, Default)]
pub struct Pricer {
    book: Option<PriceBook>,
}

impl Pricer {
    /// Answers `{"book": …, "basket": …}` with `{"priced": {"quote": …, "explanations": …}}`, or with
    /// `{"refused": {"code": …, "detail": …, "pointer": …}}`. Without `book` the last one counts.
    pub fn price(&mut self, question: &[u8]) -> String {
        let answer = self.answer(question);
        serde_json::to_string(&answer).expect("an answer has text for keys, and its values are of plain types")
    }

    fn answer(&mut self, question: &[u8]) -> Answer {
        let Question { book, basket } = match serde_json::from_slice(question) {
            Ok(question) => question,
            Err(wrong) => return refused("malformed", wrong.to_string(), None),
        };
        if book.is_some() {
            self.book = book;
        }
        let Some(book) = &self.book else {
            return refused("book_missing", "there is no price book yet".to_owned(), Some("/book".to_owned()));
        };
        match quote(book, &basket) {
            Ok(quote) => Answer::Priced { explanations: quote.explain(), quote: Box::new(quote) },
            Err(why) => refused(why.code(), why.to_string(), Rejection::pointer(&why).map(|at| format!("/basket{at}"))),
        }
    }
}

const fn refused(code: &'static str, detail: String, pointer: Option<String>) -> Answer {
    Answer::Refused { code, detail, pointer }
}
