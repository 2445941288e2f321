//! Scenarios as text that can be put into a file of the catalogue.

use super::{Link, Scenario, ServerScenario};
use serde::Serialize;
use toml::{Table, Value};

/// Keys that say what a scenario is; they are written even if they are as usual.
const ALWAYS: [&str; 3] = ["name", "duration", "poll"];

impl Scenario {
    /// This scenario as it stands in a file; keys that are as usual are left out.
    ///
    /// # Errors
    /// A value that TOML does not have, such as a seed that no signed number of 64 bits holds.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let mut table = Table::try_from(self)?;
        let mut usual = Table::try_from(Self::usual())?;
        ALWAYS.iter().for_each(|key| drop(usual.remove(*key)));
        let server = table.remove("server");
        let link = table.remove("link");
        leave_out(&mut table, &usual);
        table.extend(
            link.and_then(table_of)
                .map(|link| ("link".to_owned(), shorter_link(link)))
                .filter(is_something),
        );
        if let Some(Value::Array(servers)) = server
            && !servers.is_empty()
        {
            let shorter = servers
                .into_iter()
                .filter_map(table_of)
                .map(shorter_server)
                .collect();
            table.insert("server".to_owned(), Value::Array(shorter));
        }
        let file = Table::from_iter([(
            "scenario".to_owned(),
            Value::Array(vec![Value::Table(table)]),
        )]);
        toml::to_string(&file)
    }
}

fn shorter_server(mut server: Table) -> Value {
    let link = server.remove("link").and_then(table_of);
    leave_out(&mut server, &as_table(&ServerScenario::default()));
    // An empty link is not none: it is the usual one instead of the scenario's.
    server.extend(link.map(|link| ("link".to_owned(), shorter_link(link))));
    Value::Table(server)
}

fn shorter_link(mut link: Table) -> Value {
    leave_out(&mut link, &as_table(&Link::default()));
    for queue in list(&mut link, "queues") {
        for (key, usual) in [
            ("ramp", 0.0),
            ("from", 0.0),
            ("until", f64::INFINITY),
            ("other", 0.0),
        ] {
            if queue.get(key) == Some(&Value::Float(usual)) {
                queue.remove(key);
            }
        }
    }
    for burst in list(&mut link, "bursts") {
        leave_out(burst, &as_table(&super::Burst::default()));
    }
    Value::Table(link)
}

/// The tables of the array with this name.
fn list<'a>(table: &'a mut Table, name: &str) -> impl Iterator<Item = &'a mut Table> {
    let values = table
        .get_mut(name)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten();
    values.filter_map(Value::as_table_mut)
}

fn as_table(value: &impl Serialize) -> Table {
    Table::try_from(value).unwrap_or_default()
}

fn table_of(value: Value) -> Option<Table> {
    if let Value::Table(table) = value {
        Some(table)
    } else {
        None
    }
}

fn is_something((_, value): &(String, Value)) -> bool {
    value.as_table().is_none_or(|table| !table.is_empty())
}

/// Takes out what is the same in both; tables are compared key by key.
fn leave_out(table: &mut Table, usual: &Table) {
    table.retain(|key, value| match (value, usual.get(key)) {
        (Value::Table(own), Some(Value::Table(usual))) => {
            leave_out(own, usual);
            !own.is_empty()
        }
        (value, Some(usual)) => value != usual,
        (_, None) => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Catalogue;
    use std::path::Path;

    #[test]
    fn a_scenario_that_is_printed_and_read_again_is_the_same() {
        let catalogue =
            Catalogue::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap();
        for scenario in catalogue.all() {
            let text = scenario.to_toml().unwrap();
            assert_eq!(
                Catalogue::parse(&text).unwrap().as_slice(),
                std::slice::from_ref(scenario),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_as_usual_is_not_printed() {
        let scenario = Scenario {
            poll: [6, 6],
            duration: 100.0,
            name: "calm".to_owned(),
            ..Scenario::usual()
        };
        assert_eq!(
            scenario.to_toml().unwrap(),
            "[[scenario]]\nduration = 100.0\nname = \"calm\"\npoll = [6, 6]\n"
        );
    }
}
