//! Lists in pages.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// Items in a page, unless the client says otherwise, and at the most.
const DEFAULT: i64 = 50;
const MAX: i64 = 1000;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Items in the page: 1 to 1000, 50 if left out.
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<i64>,
    /// `next` of the page before.
    pub(crate) after: Option<String>,
}

impl PageQuery {
    pub(crate) fn limit(&self) -> Result<i64, Problem> {
        if !self.after.as_deref().is_none_or(is_cursor) {
            return Err(Problem::BadParameter("after must be `next` of the page before".to_owned()));
        }
        match self.limit.unwrap_or(DEFAULT) {
            limit @ 1..=MAX => Ok(limit),
            limit => Err(Problem::BadParameter(format!("limit must be 1 to {MAX}, not {limit}"))),
        }
    }
}

/// A cursor is one that a page has named, or text that some day was one: never longer, never with control characters.
fn is_cursor(text: &str) -> bool {
    text.len() <= 512 && !text.chars().any(char::is_control)
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// Give this as `after` to get the next page; null on the last.
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// A page of what was asked for with `limit + 1`: one more says that there is a next page.
    pub(crate) fn of<R>(mut rows: Vec<R>, limit: i64, cursor: impl Fn(&R) -> String, item: impl Fn(R) -> T) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        Self { items: rows.into_iter().map(item).collect(), next }
    }
}
