"""Operations on tags of any object."""
