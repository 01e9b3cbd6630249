//! The server that is attacked, a process of its own over a new database, and its users: a tenant that minds its own
//! business, and one whose users attack.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::client::{Client, HOST, STRANGER};
use crate::child::{Child, Running};
use crate::database::Database;
use crate::result::Result;
use crate::{instance, start};

/// The password of all users here.
const PASSWORD: &str = "Correct-Horse-1";
/// How many users the attacking tenant has, in thousands.
const THOUSANDS: usize = 10;
/// How many roles make its policy one of some megabytes, which no buffers of the system hold; and how many grants
/// each has, on objects of this length.
const LONG_ROLES: usize = 5;
const LONG_GRANTS: usize = 6_000;
const LONG: usize = 110;
/// How many grants the role has that its agent holds.
const GRANTS: usize = 4_000;

const SIGN_IN: &str = "mutation($input: SessionCreateInput!) { sessionCreate(input: $input) { token } }";

/// A server with the two tenants.
pub(super) struct Stage {
    process: Running,
    _database: Database,
    /// A client without an account, from the attackers' address.
    pub(super) stranger: Client,
    /// An agent of the attacking tenant, who holds a role of many grants through a group.
    pub(super) agent: Client,
    /// The admin of the attacking tenant.
    pub(super) attacker: Client,
    /// The host application of the other tenant.
    pub(super) host: Client,
    /// The admin of the other tenant.
    pub(super) quiet: Client,
}

impl Stage {
    /// Starts a server of this program, or of another build of it, and fills it over its own API.
    pub(super) async fn set(program: Option<&PathBuf>) -> Result<Self> {
        let database = Database::sqlite()?;
        let child = Child::Start(start::Settings::over(&database.url));
        let mut process = match program {
            None => child.start()?,
            Some(program) => child.start_in(program)?,
        };
        let server: SocketAddr = process.says::<String>()?.parse()?;
        let (host, stranger) = (Client::new(server, HOST), Client::new(server, STRANGER));
        let operator = signed_in(&host, "platform", "operator", instance::PASSWORD).await?;
        for tenant in ["quiet", "loud"] {
            make_tenant(&operator, tenant).await?;
        }
        let quiet = signed_in(&host, "quiet", "admin", PASSWORD).await?;
        let loud = signed_in(&stranger, "loud", "admin", PASSWORD).await?;
        let host = serve_host(&quiet, &host).await?;
        let agent = make_agent(&loud, &stranger).await?;
        for n in 0..LONG_ROLES {
            make_role(&loud, &format!("long{n}"), LONG_GRANTS, LONG).await?;
        }
        for thousand in 0..THOUSANDS {
            make_users(&loud, thousand).await?;
        }
        Ok(Self { process, _database: database, stranger, agent, attacker: loud, host, quiet })
    }

    /// Returns the number of bytes that the server has in memory; `None` when it has ended.
    pub(super) fn memory(&self) -> Option<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().split(' ').next()?.parse::<usize>().ok().map(|kilobytes| kilobytes * 1024)
    }
}

async fn signed_in(client: &Client, tenant: &str, username: &str, password: &str) -> Result<Client> {
    let input = json!({ "input": { "tenant": tenant, "username": username, "password": password } });
    let data = client.graphql(SIGN_IN, input).await?;
    let token = data.pointer("/sessionCreate/token").and_then(Value::as_str);
    Ok(client.with(token.ok_or("nobody was signed in")?))
}

/// Returns the body of a sign-in, with the right password or a wrong one.
pub(super) fn sign_in_body(tenant: &str, username: &str, right: bool) -> String {
    let password = if right { PASSWORD } else { "Wrong-Horse-1" };
    let input = json!({ "tenant": tenant, "username": username, "password": password });
    json!({ "query": SIGN_IN, "variables": { "input": input } }).to_string()
}

async fn make_tenant(operator: &Client, key: &str) -> Result<()> {
    const MAKE: &str =
        "mutation($input: TenantCreateInput!) { tenantCreate(input: $input) { revision userErrors { message } } }";
    let admin =
        json!({ "username": "admin", "fullName": "Admin", "email": "admin@corp.example", "password": PASSWORD });
    let input = json!({ "key": key, "name": key, "modules": ["voice", "staff"], "admin": admin });
    made(&operator.graphql(MAKE, json!({ "input": input })).await?, "tenantCreate")
}

/// Fails unless the change was made.
fn made(data: &Value, mutation: &str) -> Result<()> {
    let revision = data.get(mutation).and_then(|payload| payload.get("revision"));
    if revision.is_some_and(Value::is_number) { Ok(()) } else { Err(format!("not made: {data}").into()) }
}

fn user(username: &str, role: &str) -> Value {
    let email = format!("{username}@corp.example");
    json!({ "username": username, "fullName": username, "email": email, "baseRole": role })
}

const CREATE: &str =
    "mutation($input: UserCreateInput!) { userCreate(input: $input) { revision userErrors { message } } }";

/// Makes the host application of a tenant; it asks for decisions with an API key.
async fn serve_host(admin: &Client, host: &Client) -> Result<Client> {
    const KEY: &str = "mutation($input: ApiKeyGenerateInput!) { apiKeyGenerate(input: $input) { token } }";
    made(&admin.graphql(CREATE, json!({ "input": user("crm", "SERVICE") })).await?, "userCreate")?;
    let data = admin.graphql(KEY, json!({ "input": { "user": "crm" } })).await?;
    let token = data.pointer("/apiKeyGenerate/token").and_then(Value::as_str);
    Ok(host.with(token.ok_or("no key was made")?))
}

/// Makes an agent who holds a role of many grants through a group.
async fn make_agent(admin: &Client, stranger: &Client) -> Result<Client> {
    const GROUP: &str =
        "mutation($input: GroupCreateInput!) { groupCreate(input: $input) { revision userErrors { message } } }";
    let mut agent = user("agent", "AGENT");
    agent.as_object_mut().ok_or("a user is an object")?.insert("password".to_owned(), json!(PASSWORD));
    made(&admin.graphql(CREATE, json!({ "input": agent })).await?, "userCreate")?;
    make_role(admin, "many", GRANTS, 1).await?;
    let group = json!({ "key": "many", "name": "Many", "roles": ["many"], "members": ["agent"] });
    made(&admin.graphql(GROUP, json!({ "input": group })).await?, "groupCreate")?;
    signed_in(stranger, "loud", "agent", PASSWORD).await
}

/// Makes a role of so many grants, on objects whose last part has at least so many characters.
async fn make_role(admin: &Client, key: &str, grants: usize, length: usize) -> Result<()> {
    const ROLE: &str =
        "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { revision userErrors { message } } }";
    let grant = |n: usize| json!({ "object": format!("crm/deals/{n:0>length$}"), "action": "read" });
    let grants: Vec<Value> = (0..grants).map(grant).collect();
    let role = json!({ "key": key, "name": key, "permissions": [], "grants": grants });
    made(&admin.graphql(ROLE, json!({ "input": role })).await?, "roleCreate")
}

async fn make_users(admin: &Client, thousand: usize) -> Result<()> {
    const IMPORT: &str =
        "mutation($input: UsersImportInput!) { usersImport(input: $input) { revision userErrors { message } } }";
    let users: Vec<Value> = (0..1_000).map(|n| user(&format!("user{thousand}x{n}"), "AGENT")).collect();
    made(&admin.graphql(IMPORT, json!({ "input": { "users": users } })).await?, "usersImport")
}
