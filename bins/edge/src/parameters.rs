//! Parameters of the path and the query, with their problems.

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::{Edge, problem::Problem};

/// The id in the path.
#[derive(Debug)]
pub(crate) struct Id<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Edge> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, edge).await;
        path.map(|Path(id)| Self(id)).map_err(|_| Problem::BadParameter("the id in the path must be a UUID".to_owned()))
    }
}

/// The parameters in the query.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Edge> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, edge).await;
        query.map(|Query(params)| Self(params)).map_err(|rejection| Problem::BadParameter(rejection.body_text()))
    }
}
