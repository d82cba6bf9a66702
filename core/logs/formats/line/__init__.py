"""LINE: the exports of phones and of the desktop, in any language of the app."""
