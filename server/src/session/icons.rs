//! Pure: the icons of the session's tabs: each is sent to every viewer once.

use shared::message::ServerMessage;

use crate::browser::Icon;

/// Those that tabs call by name.
#[derive(Debug, Default)]
pub struct Icons(Vec<Icon>);

impl Icons {
    /// These are in use now. Gives the messages for viewers who know the others.
    pub fn update(&mut self, icons: Vec<Icon>) -> Vec<ServerMessage> {
        let fresh = icons.iter().filter(|icon| !self.0.contains(icon));
        let fresh = fresh.map(message).collect();
        self.0 = icons;
        fresh
    }

    /// For a viewer who knows none.
    pub fn all(&self) -> impl Iterator<Item = ServerMessage> {
        self.0.iter().map(message)
    }
}

fn message(icon: &Icon) -> ServerMessage {
    ServerMessage::Icon {
        id: icon.id.clone(),
        png: icon.png.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icon_is_sent_once_and_to_newcomers() {
        let icon = |id: &str| Icon {
            id: id.to_owned(),
            png: vec![1].into(),
        };
        let mut icons = Icons::default();
        assert_eq!(icons.update(vec![icon("a")]).len(), 1);
        assert_eq!(
            icons.update(vec![icon("a"), icon("b")]),
            [message(&icon("b"))]
        );
        assert_eq!(icons.update(vec![icon("b")]), []);
        assert_eq!(icons.all().collect::<Vec<_>>(), [message(&icon("b"))]);
    }
}
