//! Database roles: who may log in, with which password.

mod scram;

use sqlx::{AssertSqlSafe, PgConnection};

use crate::Error;

/// The role of each part that talks to PostgreSQL; what each may do is in the migrations.
pub const ROLES: [&str; 5] =
    ["tillstream_edge", "tillstream_sales", "tillstream_stock", "tillstream_receipts", "tillstream_identity"];

/// Lets `role` log in with `password`, which must be hexadecimal. PostgreSQL is sent what it keeps of a password and not the
/// password itself: statements are logged, by the server when they fail and by the client when they take long.
///
/// # Errors
/// When the operating system has no random numbers, the connection's role may not change roles, or `role` or `password` is not of that form.
pub async fn allow_login(conn: &mut PgConnection, role: &str, password: &str) -> Result<(), Error> {
    if !ROLES.contains(&role) || !password.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::stored("role", &format!("{role} is not one of ours, or its password is not hexadecimal")));
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| Error::stored("random salt", &error))?;
    // A utility statement takes no parameters; the role was checked above, the rest is ours.
    let statement = format!("alter role {role} login password '{}'", scram::verifier(password, &salt));
    sqlx::query(AssertSqlSafe(statement)).execute(conn).await?;
    Ok(())
}
