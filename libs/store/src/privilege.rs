//! What the roles of the parts may do in the database: what is declared, and what is so. For the operator, whose role must
//! be a superuser.

mod declared;

use sqlx::PgConnection;

use crate::{Error, role::ROLES};

pub use declared::{GRANTS, Grant, declared};

/// Something that a role may do with a table, or with a column of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Privilege {
    /// Who.
    pub role: String,
    /// With which table, as `schema.table`.
    pub table: String,
    /// What: `select`, `insert`, `update`, `delete`, `truncate`, `references` or `trigger`.
    pub action: String,
}

/// What the parts' roles may do with the tables of this database, by whichever grant; of roles that are superusers, and of
/// tables that the role owns, nothing is said here.
///
/// # Errors
/// When the statement fails.
pub async fn privileges(conn: &mut PgConnection) -> Result<Vec<Privilege>, Error> {
    let roles = ROLES.map(str::to_owned);
    let found = sqlx::query_as!(
        Privilege,
        r#"select r.rolname::text as "role!", n.nspname || '.' || c.relname as "table!", a.action as "action!"
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
           join pg_roles r on r.rolname::text = any($1) and not r.rolsuper and r.oid <> c.relowner
           cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as a (action)
           where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
             and case when a.action in ('select', 'insert', 'update', 'references')
               then has_any_column_privilege(r.oid, c.oid, a.action) else has_table_privilege(r.oid, c.oid, a.action) end
           order by 1, 2, 3"#,
        &roles
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}

/// What makes a part's role more than a part's role: that it is a superuser, passes row-level security, may make roles or
/// databases or copy the server, is a member of another role, owns something, or may make things in a schema. Each as a
/// phrase that begins with the role.
///
/// # Errors
/// When the statement fails.
pub async fn powers(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let roles = ROLES.map(str::to_owned);
    let found = sqlx::query_scalar!(
        r#"with parts as (select * from pg_roles where rolname::text = any($1))
           select p.rolname || ' ' || what as "power!" from parts p
           cross join lateral unnest(array[
             case when rolsuper then 'is a superuser' end, case when rolbypassrls then 'passes row-level security' end,
             case when rolcreaterole then 'may make roles' end, case when rolcreatedb then 'may make databases' end,
             case when rolreplication then 'may copy the whole server' end]) as what where what is not null
           union all select p.rolname || ' is a member of ' || g.rolname from parts p
             join pg_auth_members m on m.member = p.oid join pg_roles g on g.oid = m.roleid
           union all select p.rolname || ' owns ' || c.oid::regclass from parts p
             join pg_class c on c.relowner = p.oid where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
           union all select p.rolname || ' owns the schema ' || n.nspname from parts p
             join pg_namespace n on n.nspowner = p.oid
           union all select p.rolname || ' owns the function ' || f.oid::regprocedure from parts p
             join pg_proc f on f.proowner = p.oid
           union all select p.rolname || ' owns the database' from parts p
             join pg_database d on d.datdba = p.oid and d.datname = current_database()
           union all select p.rolname || ' may make things in the schema ' || n.nspname from parts p
             join pg_namespace n on n.nspname !~ '^pg_' and n.nspowner <> p.oid
             where not p.rolsuper and has_schema_privilege(p.oid, n.oid, 'create')
               and not has_schema_privilege('public', n.oid, 'create')
           union all select p.rolname || ' may make schemas' from parts p
             where not p.rolsuper and has_database_privilege(p.oid, current_database(), 'create')
           order by 1"#,
        &roles
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}

/// Parts that are connected as a role that is none of theirs, each as a phrase.
///
/// # Errors
/// When the statement fails.
pub async fn strangers(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let roles = ROLES.map(str::to_owned);
    let found = sqlx::query_scalar!(
        r#"select distinct application_name || ' is connected as ' || usename as "stranger!" from pg_stat_activity
           where application_name like 'tillstream-%' and usename is not null and usename::text <> all($1) order by 1"#,
        &roles
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}

/// Schemas in which every role may make things.
///
/// # Errors
/// When the statement fails.
pub async fn open_schemas(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let found = sqlx::query_scalar!(
        r#"select nspname::text as "schema!" from pg_namespace
           where nspname !~ '^pg_' and has_schema_privilege('public', oid, 'create') order by 1"#
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}

/// Tables and views that do not confine who reads them, each as a phrase: row-level security is off, or there is no policy,
/// or one shows the edge more than the caller's merchant; a view reads as its owner, whom no policy confines.
///
/// # Errors
/// When the statement fails.
pub async fn unconfined(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let found = sqlx::query_scalar!(
        r#"with tables as (
             select c.oid, n.nspname || '.' || c.relname as name, c.relrowsecurity from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
               and (n.nspname, c.relname) <> ('public', '_sqlx_migrations'))
           select t.name || ' has row-level security off' as "fault!" from tables t where not t.relrowsecurity
           union all select t.name || ' has no policy' from tables t
             where not exists (select from pg_policy p where p.polrelid = t.oid)
           union all select c.oid::regclass || ' reads as its owner' from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             where c.relkind = 'v' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
               and not coalesce(c.reloptions, '{}') && array['security_invoker=true', 'security_invoker=on']
           union all select 'policy ' || p.polname || ' of ' || t.name || ' shows the edge more than the caller''s merchant'
             from tables t join pg_policy p on p.polrelid = t.oid
             where p.polcmd in ('r', '*') and p.polroles && array[0, coalesce(to_regrole('tillstream_edge')::oid, 0)]
               and coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') not like '%caller()%'
           order by 1"#
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}

/// Columns with passwords, PINs and hashes of the schema `identity` that another than the identity worker may select, each as
/// a phrase. Hashes too are secret: PINs are few enough to try them all.
///
/// # Errors
/// When the statement fails.
pub async fn readable_secrets(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let others: Vec<_> = ROLES.into_iter().filter(|role| *role != "tillstream_identity").map(str::to_owned).collect();
    let found = sqlx::query_scalar!(
        r#"select r.rolname || ' may select ' || c.oid::regclass || '.' || a.attname as "fault!" from pg_attribute a
           join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
           join pg_roles r on r.rolname::text = any($1) and not r.rolsuper
           where n.nspname = 'identity' and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped
             and a.attname ~ 'hash$|^password|^pin' and has_column_privilege(r.oid, c.oid, a.attnum, 'select') order by 1"#,
        &others
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}

/// Functions that run with their owner's rights and can be turned against it, each as a phrase: their search path is the
/// caller's, or every role may call them.
///
/// # Errors
/// When the statement fails.
pub async fn unsafe_functions(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let found = sqlx::query_scalar!(
        r#"with definers as (
             select f.* from pg_proc f join pg_namespace n on n.oid = f.pronamespace
             where f.prosecdef and n.nspname !~ '^pg_' and n.nspname <> 'information_schema')
           select f.oid::regprocedure || ' takes the search path of who calls it' as "fault!" from definers f
             where not exists (select from unnest(f.proconfig) as c where c like 'search_path=%')
           union all select f.oid::regprocedure || ' may be called by every role' from definers f
             where has_function_privilege('public', f.oid, 'execute')
           order by 1"#
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}

/// Parts' roles whose password is missing, or stored in a form weaker than SCRAM.
///
/// # Errors
/// When the statement fails, as it does for who is no superuser.
pub async fn weak_passwords(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let roles = ROLES.map(str::to_owned);
    let found = sqlx::query_scalar!(
        r#"select rolname || case when rolpassword is null then ' has no password' else ' has an MD5 password' end as "fault!"
           from pg_authid where rolcanlogin and rolname::text = any($1)
             and (rolpassword is null or rolpassword not like 'SCRAM-SHA-256$%') order by 1"#,
        &roles
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}

/// A line of `pg_hba.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// Its number.
    pub line: i32,
    /// `local`, `host`, `hostssl`, …; none if the line can't be read.
    pub kind: Option<String>,
    /// From where, as it is written; none for `local`.
    pub address: Option<String>,
    /// Which bits of the address count, in the same form; none where the address is a name.
    pub netmask: Option<String>,
    /// How a client shows who it is.
    pub method: Option<String>,
}

/// How clients get in, by the file as it is now.
///
/// # Errors
/// When the statement fails, as it does for who is no superuser.
pub async fn entrances(conn: &mut PgConnection) -> Result<Vec<Entrance>, Error> {
    let found = sqlx::query_as!(
        Entrance,
        r#"select line_number as "line!", type as kind, address, netmask, auth_method as method from pg_hba_file_rules
           order by line_number"#
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}

/// Connections from other machines that are not encrypted, each as a phrase.
///
/// # Errors
/// When the statement fails.
pub async fn plain_connections(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let found = sqlx::query_scalar!(
        r#"select distinct a.usename || ' from ' || host(a.client_addr) as "connection!" from pg_stat_activity a
           join pg_stat_ssl s using (pid)
           where not s.ssl and a.usename is not null and not (a.client_addr <<= '127.0.0.0/8' or a.client_addr = '::1')
           order by 1"#
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}
