"""KakaoTalk: the text and the table that it exports."""
