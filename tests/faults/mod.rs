//! Many clients work while servers die. A checker compares all that they were told with all that is stored.

mod answer_times;
mod checker;
mod cluster;
mod deed;
mod load;
mod person;
mod single_server;
mod watcher;
