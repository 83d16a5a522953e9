"""Operations that ask what listings ask, as jobs."""
