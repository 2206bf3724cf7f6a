"""Client apps and user tokens: how alchemi-web and alchemi-ai act for a member."""
