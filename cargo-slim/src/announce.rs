//! Saying that a build begins.

use codecost::console::Console;

/// Says why the first build takes long, which is one of our own. `added`: what it is built with
/// beside what the user's profile says.
pub(crate) fn build(console: &mut Console, added: &[String]) {
    let how = match added {
        [] => "as your profile says".to_owned(),
        added => format!("with {}", added.join(", ")),
    };
    let text = format!("{how}, beside your own build: the first run rebuilds the dependencies");
    console.status("Building", &text);
}
